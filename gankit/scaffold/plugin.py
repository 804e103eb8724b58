"""The files of a new plugin, and the experiment among them: the quick start, made short, with all that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from string import Template

from gankit.config.loader import bundled_experiment
from gankit.config.yaml.merge import read_experiment
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import dump
from gankit.core.errors import UserError
from gankit.core.options import with_article
from gankit.scaffold.names import HERE, class_of, minimal_example, module_of, package_name

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "test.yml",
    "tests/test_conformance.py": "test_conformance.py",
    "$package/__init__.py": "__init__.py",
}
"""Each file whose template is in package/."""

MOST_LISTED = 4
"""Kinds that are named one by one in a description."""


SHORT = (
    "growth={final: 8, images: 3k}",
    "evaluation={metrics: fid, images: 256}",
    "observers=[progress, guard, sample-grid]",
)
"""Changes after which the quick start takes seconds."""

OPTIONS: dict[str, dict[str, str]] = {
    "mapping": {"generator.mapping": "{}"},
    "stem": {"generator.stem": "{}"},
    "block": {"generator.block": "{}", "discriminator.block": "{}"},
    "head": {"discriminator.head": "{}"},
    "critic": {"critics": "{{extra: {}}}"},
    "join": {"generator.join": "{}", "discriminator.join": "{}"},
    "schedule": {"fading.rate": "{{use: {}}}"},
    "norm": {"generator.norm": "[equalized, {}]"},
    # an equalized weight is drawn anew, and steps that suit it are too long for another
    "init": {
        "discriminator.init": "{}",
        "discriminator.norm": "[]",
        "training.optimizer.discriminator": "{{lr: 1e-3}}",
    },
    "loss": {"loss": "{}"},
    "regularizer": {"regularizers": "[{}]"},
    "augmentation": {"augment": "{}"},
    "optimizer": {"training.optimizer": "{}"},
    "average": {"training.average": "{}"},
    "growth": {"growth": "{{use: {}, doublings: 1, images: 3k}}"},
    "dataset": {"data": "{}"},
    "extractor": {"evaluation.extractor": "{}"},
    "metric": {"evaluation.metrics": "[fid, {}]"},
    "observer": {"observers": "[progress, guard, {}]"},
    "launcher": {"launcher": "{}", "matrix": "{{seed: [0, 1]}}"},
}
"""For each kind the options by which an experiment, or for launchers a study, comes to use a component of it."""


def option_of(kind: str) -> str:
    """The dotted path of the option that names a component of `kind`, or the first of them."""
    return next(iter(OPTIONS[kind]))


def experiment_using(name: str, components: Mapping[str, str]) -> str:
    """The YAML of an experiment that uses all components, named by their kinds, of the plugin called `name`."""
    changes = [
        f"{option}={value.format(f'{name}/{component}')}"
        for kind, component in components.items()
        for option, value in OPTIONS[kind].items()
    ]
    root = read_experiment(bundled_experiment("quickstart"), [f"name={name}", *SHORT, *changes])
    return dump(plain_value(root))


def files_of(name: str, components: Mapping[str, str]) -> dict[str, str]:
    """The text of each file of the plugin called `name`, given its components' names by their kinds.

    All names are to be checked already, by `gankit.scaffold.names`.
    """
    package = package_name(name)
    words = _words(name, components)
    files = {
        Template(path).substitute(words): Template(_template(file)).substitute(words) for path, file in FILES.items()
    }
    files[f"{package}/py.typed"] = ""
    for kind, component in components.items():
        files[f"{package}/{module_of(kind)}.py"] = component_of(name, kind, component)
    said = f"# The quick start, made short, with all that gankit-{name} has: gankit run experiment.yaml\n"
    files["experiment.yaml"] = said + experiment_using(name, components)
    return files


def component_of(name: str, kind: str, component: str) -> str:
    """The minimal example of a kind as a module of the plugin called `name`, which registers it elsewhere."""
    owner = class_of(component, kind)
    source = minimal_example(kind).read_text(encoding="utf-8").partition("\n\n\n@hookimpl\n")[0] + "\n"
    source = source.replace(", hookimpl\n", "\n").replace(f"Example{kind.capitalize()}", owner)
    source = source.replace("Example", owner.removesuffix(kind.capitalize()))
    source = re.sub(r"\bexample\b", component, source)
    return f'"""{module_of(kind).capitalize()} of gankit-{name}."""\n\n{source}'


def write_plugin(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a plugin into a new folder.

    Raises:
        UserError: if there is something already, or it cannot be written; then nothing is left of it.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserError(f"{folder}: exists already, and is left as it is") from None
    except OSError as failure:
        raise UserError(f"{folder}: cannot be made: {failure.strerror}") from None
    try:
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as failure:
        rmtree(folder, ignore_errors=True)
        raise UserError(f"{folder}: cannot be written: {failure.strerror}") from None


def _words(name: str, components: Mapping[str, str]) -> dict[str, str]:
    """What the templates are filled with."""
    package, (kind, component) = package_name(name), next(iter(components.items()))
    modules = sorted((module_of(kind), class_of(component, kind)) for kind, component in components.items())
    rows = [
        f"| {kind} `{name}/{component}` | `{package}/{module_of(kind)}.py` | `{option_of(kind)}` |"
        for kind, component in components.items()
    ]
    return {
        "name": name,
        "package": package,
        "component": component,
        "kind": kind,
        "a_kind": with_article(kind),
        "described": _described(list(components)),
        "version": ".".join(version("gankit").split(".")[:2]),
        "table": "\n".join(rows),
        "imports": "\n".join(f"from {package}.{module} import {owner}" for module, owner in modules),
        "registrations": "\n".join(
            f'    register("{component}", {class_of(component, kind)})' for kind, component in components.items()
        ),
    }


def _template(name: str) -> str:
    return (HERE / "package" / f"{name}.template").read_text(encoding="utf-8")


def _described(kinds: Sequence[str]) -> str:
    """What the plugin has, in words: a loss, a block and a norm."""
    if len(kinds) > MOST_LISTED:
        return f"components of {len(kinds)} kinds"
    *others, last = map(with_article, kinds)
    return f"{', '.join(others)} and {last}" if others else last
