"""Rules for components of every kind."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import dump
from gankit.core.component import Component, as_options, named
from gankit.core.registry import kinds, registries
from gankit.discovery.manager import plugins
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.strategies import schema_of


@rule(Component, examples=1)
def imports_no_torch(trial: Trial[Component]) -> None:
    """Loading the plugin imports no torch, so that commands answer at once and reading an experiment stays fast."""
    if loaded := _heavy_imports(plugins.module_of(trial.entry.plugin)):
        raise Broken(f"its module imports {loaded} when it is loaded; import it inside the methods that need it")


@cache
def _heavy_imports(module: str) -> str:
    """Which of the slow libraries the import of `module`, or the run of a file, brings in; nothing if none."""
    load = f"runpy.run_path({module!r})" if module.endswith(".py") else f"importlib.import_module({module!r})"
    slow = ("torch", "torchvision", "tensorflow", "aim", "scipy.stats", "matplotlib.pyplot")
    path = f"sys.path += [folder for folder in {sys.path!r} if folder not in sys.path]"  # behind Python's own modules
    script = f"import importlib, runpy, sys; {path}; {load}; print(*[name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Broken(f"its module cannot be imported by itself: {done.stderr.strip().splitlines()[-1]}")
    return ", ".join(done.stdout.split())


@rule(Component, examples=1)
def documented(trial: Trial[Component]) -> None:
    """The component and each of its options say what they are."""
    component = trial.entry.component
    if not (component.__doc__ or "").strip() or component.__doc__ in [kind.__doc__ for kind in kinds()]:
        raise Broken(f"class {component.__name__} has no docstring; gankit explain would show nothing")
    said = component.help_texts()
    if silent := [name for name in component.model_fields if not said.get(name, "").strip()]:
        raise Broken(f"no docstring stands under the option {', '.join(silent)}")


@rule(Component)
def survives_yaml(trial: Trial[Component]) -> None:
    """Written to YAML and read back the component is the same, so that a saved run is the run."""
    component = trial.component
    text = dump(as_options(component, mode="python"))
    again = named(registries[component.kind].base, plain_value(mapping(text, trial.entry.name)))
    if again != component:
        raise Broken(f"what is read back differs: {again!r}")


@rule(Component)
def has_a_schema(trial: Trial[Component]) -> None:
    """Each option has a JSON Schema, so that editors complete it, and what the schema allows is accepted."""
    schema = schema_of(trial.entry)
    for name in trial.component.model_dump():
        option = schema["properties"].get(name)
        if option is None or not set(option) - {"description", "default", "title"}:
            raise Broken(f"option {name!r} has no schema: its type is {trial.entry.component.model_fields[name]}")


@rule(Component)
def is_frozen(trial: Trial[Component]) -> None:
    """Options never change, as runs, checkpoints and comparisons go by them."""
    component = trial.component
    for name in type(component).model_fields:
        try:
            setattr(component, name, getattr(component, name))
        except Exception:
            continue
        raise Broken(f"option {name!r} can be set after the component was made")
