"""Writes the pages that are made from the code: the kinds, what they use, hooks, commands, JSON, options, papers.

Run `python docs/generate.py` after a kind, a component, a rule, a hook, a command or an option was changed; a test
tells if it was forgotten.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import of_commands
import of_names
import of_options
import of_reported
from in_markdown import MADE, annotation, cell, members, methods, shown, signature, text, under_names
from json_page import json_page

from gankit.config.schema import component_schema, summary
from gankit.config.walk import options_naming
from gankit.core import options, tables
from gankit.core.component import Component
from gankit.core.docstrings import under_fields
from gankit.core.progress import Progress, Stage
from gankit.core.registry import RegistryEntry, kinds, registries
from gankit.discovery import hookspecs
from gankit.discovery.manager import plugins
from gankit.evaluation.images import Features, ImageSet, Samples
from gankit.evaluation.statistics import Statistics
from gankit.kinds import (
    Block,
    Head,
    Init,
    Job,
    Join,
    LabelledImages,
    LatentMapping,
    Norm,
    Observer,
    Regularizer,
    Stem,
    evaluation,
)
from gankit.kinds.callbacks import Callback, Picture, Row, RunContext
from gankit.kinds.weight_names import WeightNames, WeightSource
from gankit.networks import layers, protocols
from gankit.networks.context import BuildContext
from gankit.networks.discriminator import Discriminator, DiscriminatorOutput
from gankit.networks.generator import Generator
from gankit.networks.layers import Chain, Condition, Conditioned, JoinModule
from gankit.scaffold.names import minimal_example
from gankit.testing import RULES
from gankit.training.step import AugmentedBatch, Step

DOCS = Path(__file__).parent
GIVEN: tuple[type, ...] = (
    *(BuildContext, Step, AugmentedBatch, DiscriminatorOutput, Generator, Discriminator, Stage),
    *(LabelledImages, Features, Samples, ImageSet, Statistics, RunContext, Progress, Row, Picture, Job),
    *(WeightNames, WeightSource),
)
"""What the page of types tells of."""
OF_MODULES: tuple[type, ...] = (Conditioned, Condition, Chain, JoinModule)
"""The classes that the page of layers tells of at length."""
FUNCTIONS = ("run", "styles_of", "conv", "dense", "gained", "fan_in", "resampling", "double", "halve")
OF_PROTOCOLS = ("gain_of", "lr_multiplier_of", "classes_of", "out_channels_of")
MODULES = ("LeakyReLU", "Function", "Bias")
"""The functions that it tells of, and the modules that are as simple."""
LAYERED = (LatentMapping, Stem, Block, Head, Join, Norm, Init, Regularizer)
"""The kinds that make modules or act on them."""
KINDS = [kind for kind in kinds() if kind.__module__.startswith("gankit.")]
"""All but those that installed plugins declare."""
OPTION_TYPES = ("Images", "PerResolution", "PerResolutionAboveFirst", "Many", "AbsolutePath")
"""The types that experiments give options beside those of Python."""
LAYERS_EXAMPLE = DOCS.parent / "tests" / "examples" / "plain_residual.py"


def pages() -> dict[Path, str]:
    """All pages by their files, relative to this folder."""
    plugins.load_installed()
    made = {Path("kinds") / f"{kind.kind}.md": "\n".join(_kind(kind)) for kind in KINDS}
    made[Path("kinds") / "README.md"] = "\n".join(_catalogue())
    made[Path("kinds") / "given.md"] = "\n".join(_given())
    made[Path("kinds") / "layers.md"] = "\n".join(_layers())
    made[Path("hooks.md")] = "\n".join(_hooks())
    made[Path("commands.md")] = "\n".join(of_commands.page())
    made[Path("json.md")] = "\n".join(json_page(MADE))
    made[Path("names.md")] = "\n".join(of_names.page())
    made[Path("options.md")] = "\n".join(of_options.page())
    made[Path("reported.md")] = "\n".join(of_reported.page())
    return {path: f"{page.strip()}\n" for path, page in made.items()}


def _catalogue() -> Iterator[str]:
    """A table of the kinds."""
    yield from ("# The kinds", "", MADE, "")
    yield "Everything that a plugin can contribute. A component of each kind is one class; its page says what it has to"
    yield "do, shows the smallest one that does it, and lists those that come with gankit."
    yield from ("", "| kind | what it is | named in an experiment under |", "| --- | --- | --- |")
    for kind in KINDS:
        yield f"| [{kind.kind}]({kind.kind}.md) | {cell(summary(kind))} | {_paths(kind)} |"
    yield from ("", "The same is told by `gankit explain KIND`, for all plugins that are installed.", "")
    yield "Two pages tell of what all kinds use: [what components are given](given.md), and the [layers](layers.md)"
    yield "that networks are made of."
    yield from ("", "## What every component may have", "", *EVERY.strip().splitlines(), "")
    for name, method in methods(Component):
        yield from (f"**`{signature(name, method)}`**", "", *text(method), "")
    yield from (*REFUSING.strip().splitlines(), "", "## Types of options", "", *TYPES.strip().splitlines(), "")
    about = under_names(options) | under_names(tables)
    yield from (f"- `{name}`: {' '.join(about[name].split())}" for name in OPTION_TYPES)
    yield from ("", "`gankit.at(table, resolution)` gives what a table by resolution holds there.")


EVERY = """
Its annotated fields are its options, with the docstrings under them as help; one without a default has to be given.
[pydantic](https://docs.pydantic.dev) reads them, so `Field(ge=0)` bounds a number, `Literal["a", "b"]` is a choice, and
validators refuse what does not go together by a `ValueError` that says why. Options never change; what does is in the
modules and callbacks that a component makes, and in the memory that it is given. A component that is renamed has its
`former_names = ("old",)`, and one whose options are, `renamed_options = {"old": "new"}`: whoever still writes an old
name is told the new one. One that gains an option lists it in `later_options = ("gained",)`: it is recorded only where
it is not as by default, so that runs of before stay seeds of one variant with new ones. Any kind may override two
methods:
"""

REFUSING = """
What is seen only later, such as a place where a part cannot stand, is refused by `raise gankit.UserError(...)` in the
method that sees it, `build` say. The user reads the message and no traceback, so it names the option and what to do.
Networks are built before a run's folder is made, but `gankit validate` builds none: what can be said in `problems` is
better said there. Without a metric or an observer that refuses, a run goes on. Conformance passes over options and
places that are refused in one of these ways; any other exception is a failure of the component.
"""

TYPES = """
From `gankit`, beside Python's own; written as annotations, as in `fade: PerResolution[Images]`. A path as an option is
an `AbsolutePath`: a plain `Path` is saved as it is written, and found from no other folder. A kind's class is the type
of an option that names a component, as in `block: Block`; its default has to be read like what a user writes:
`Field(default="conv", validate_default=True)`. A mapping without `use` then gives options of `conv`.
"""


def _kind(kind: type[Component]) -> Iterator[str]:
    """The page of one kind."""
    yield from (f"# {kind.kind.capitalize()}", "", MADE, "", inspect.cleandoc(kind.__doc__ or ""), "")
    yield from (f"Named in an experiment under {_paths(kind)}.", "", "## Contract", "", *_contract(kind))
    yield from (*_elsewhere(kind), "")
    yield from ("## A minimal example", "", *_example(kind))
    yield from ("## What conformance checks", "", *_rules(kind))
    entries = [entry for entry in registries[kind.kind].entries() if plugins.source(entry.plugin).is_ours]
    yield from ("## Those that come with gankit", "")
    for entry in entries:
        yield from _component(entry)
    if not entries:
        yield "None as yet."


def _contract(kind: type[Component]) -> Iterator[str]:
    """Methods, class attributes and options that every component of a kind has."""
    for name, method in methods(kind):
        must = ", which every one has" if getattr(method, "__isabstractmethod__", False) else ""
        yield from (f"**`{signature(name, method)}`**{must}", "", *text(method), "")
    about = under_fields(kind)
    for name in (name for name in about if name not in kind.model_fields):
        default = shown(getattr(kind, name))
        yield from (f"**`{name}: {annotation(kind, name)}`**, a class attribute; default: `{default}`", "")
        yield from (about[name], "")
    for name in kind.model_fields:
        yield from (f"**`{name}`**, an option of every one", "", kind.help_texts()[name], "")


def _elsewhere(kind: type[Component]) -> Iterator[str]:
    """Where that is told which the contract of a kind leaves out."""
    yield "What the types hold that are named here stands in [what components are given](given.md), and what every"
    yield "component may have, such as `problems`, in [the kinds](README.md)."
    if kind in LAYERED:
        yield "Modules are made of torch's and of [gankit's layers](layers.md)."
    if kind is Observer:
        yield "The methods of a callback, and what to do where a run goes on or back, stand in [hooks](../hooks.md)."


def _given() -> Iterator[str]:
    """What the methods of components are given, and what they give."""
    yield from ("# What components are given", "", MADE, "")
    yield "The types that the methods of [the kinds](README.md) name. All but torch's and numpy's are gankit's own."
    yield "What the modules of networks get beside their input stands in [layers](layers.md)."
    for given in GIVEN:
        yield from ("", f"## {given.__name__}", "", *text(given), "", f"From `{given.__module__}`.", "")
        yield from members(given)
        if given is ImageSet:
            names = ", ".join(f'`"{name}"`' for name in get_args(evaluation.Need))
            yield from ("", "## Need", "", f"{names}: {under_names(evaluation)['Need']}")


def _layers() -> Iterator[str]:
    """What the modules of networks are made of."""
    yield from ("# Layers", "", MADE, "", *text(layers), "")
    yield "All of this is in `gankit.networks.layers`, which imports torch. So it is imported where it is used, in"
    yield "`build` say, or at the top of a file that is imported only there: packages keep their torch modules in"
    yield "`modules.py`."
    yield from ("", "## An example", "", "A block that hands its condition through a residual to the norm.", "")
    yield from ("```python", LAYERS_EXAMPLE.read_text().strip(), "```")
    for made in OF_MODULES:
        yield from ("", f"## {made.__name__}", "", *text(made), "", *members(made))
    yield from ("", "## Functions and modules", "")
    for name in (*FUNCTIONS, *MODULES):
        yield from (f"**`{signature(name, getattr(layers, name))}`**", "", *text(getattr(layers, name)), "")
    weighted = ", ".join(f"`nn.{layer.__name__}`" for layer in layers.WEIGHTED)
    yield from (f"**`WEIGHTED`**: {weighted}", "", under_names(layers)["WEIGHTED"])
    yield from ("", "## What modules say of themselves", "")
    yield "These are from `gankit.networks.protocols`, which imports no torch. A module need not derive from them, only"
    yield "have the attribute."
    for name, said in vars(protocols).items():
        if isinstance(said, type) and said.__module__ == protocols.__name__:
            yield from ("", f"### {name}", "", *text(said), "", *members(said))
    yield from ("", "### Functions", "")
    for name in OF_PROTOCOLS:
        yield from (f"**`{signature(name, getattr(protocols, name))}`**", "", *text(getattr(protocols, name)), "")


def _example(kind: type[Component]) -> Iterator[str]:
    """The smallest component of a kind, as one file, and how an experiment comes to use it."""
    yield f"Save it as `my_{kind.kind}.py`, name it in an experiment by `plugins: [my_{kind.kind}.py]`, and its"
    yield f"component as `example`. `gankit new-plugin NAME --kind {kind.kind}` makes a package of the same."
    yield from ("", "```python", minimal_example(kind.kind).read_text().strip(), "```", "")


def _rules(kind: type[Component]) -> Iterator[str]:
    """The rules that a component of a kind is held to."""
    for rule in RULES:
        if rule.concerns(kind):
            yield f"- `{rule.name}`: {rule.says}"
    yield ""


def _component(entry: RegistryEntry) -> Iterator[str]:
    """One component with its options."""
    yield from (f"### `{entry.full_name}`", "", inspect.cleandoc(entry.component.__doc__ or ""), "")
    listed = [*of_options.of_schema(component_schema(entry))]
    yield from (*listed, *([""] if listed else []))


def _hooks() -> Iterator[str]:
    """The functions by which a plugin takes part, and the moments of a run."""
    yield from ("# Hooks", "", MADE, "", "## Functions of a plugin", "")
    yield "A plugin is a module, or an object, with some of these functions, each marked by `@gankit.hookimpl`."
    yield "`gankit plugins --trace` shows which of them are called, and how long they take."
    yield ""
    for name, hook in vars(hookspecs).items():
        if name.startswith("gankit_"):
            yield from (f"### `{signature(name, hook)}`", "", *text(hook), "")
    yield from ("## Moments of a run", "")
    yield "Installing a plugin changes no run: only the observers that an experiment names are told what happens in it."
    yield "An [observer](kinds/observer.md)'s `callback` is called once, before the first iteration or where a run goes"
    yield "on, and gives a `gankit.Callback`, whose methods are called at these moments. What one raises is reported,"
    yield "and stops nothing."
    yield ""
    for name, method in methods(Callback):
        yield from (f"### `{signature(name, method)}`", "", *text(method), "")
    yield from ("## Their order", "", *ORDER.strip().splitlines())


ORDER = """
```text
callback [load_state_dict] [on_save state_dict]
{
  [on_stage_start] (on_rows | on_update | on_evaluation_start | on_save state_dict)*
  on_evaluation_start on_rows on_stage_end on_save state_dict
}*
[on_finish] on_close
```

In brackets stands what does not always happen, in braces what happens in each stage, and a star means any number of
times. `load_state_dict` is called where a run goes on and there was a state. A new run is saved before its first
iteration; `on_evaluation_start` and `on_save` come within a stage as `evaluation.every` and `checkpoints.every` say.
`on_rows` and `on_picture` also come whenever any observer logs an event or shows a picture. After `on_rollback` all
that comes is as from the moment that the run went back to. A run that stops for whatever reason still calls `on_close`.

## What a callback writes

A run goes on, or back, from a checkpoint, and what came after that is void: all but events is cut from metrics.jsonl,
and a callback has to cut what it appended to files of its own. It gives a file's length in `state_dict`, and cuts the
file to that in `load_state_dict`, which is called in either case, in the second just before `on_rollback`. Where the
checkpoint holds no state of the callback, as when the observer is new to the run, only `on_rollback` is called, and
cuts by `progress.images`. The simplest is to append nothing: the [example](kinds/observer.md) writes its whole file
from `run.rows` each time.
"""


def _paths(kind: type[Component]) -> str:
    named = ", ".join(f"`{path}`" for path in options_naming(kind))
    return f"{named} of a study" if kind.kind == "launcher" else named


def main() -> None:
    """Write all pages."""
    for path, page in pages().items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(page)


if __name__ == "__main__":
    main()
