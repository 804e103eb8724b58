"""Writes the pages that are made from the code: one for each kind, their catalogue, and the hooks.

Run `python docs/generate.py` after a kind, a component, a rule or a hook was changed; a test tells if it was forgotten.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from gankit import hookspecs
from gankit.component import Component
from gankit.docstrings import under_fields
from gankit.evaluation.samples import Features, Population, Samples
from gankit.explaining import option_in_words
from gankit.growing import Stage
from gankit.kinds import KINDS, Job, LabelledImages, Shown
from gankit.layers import Condition, Conditioned
from gankit.observing import Picture, Progress, Row, Run, Watcher
from gankit.place import Place
from gankit.plugins import plugins
from gankit.reading.parts import places
from gankit.registry import Entry, registries
from gankit.scaffold.plugin import minimal_example
from gankit.schema import component_schema, summary
from gankit.testing import RULES
from gankit.training.networks import Verdict
from gankit.training.step import Step

DOCS = Path(__file__).parent
GIVEN: tuple[type, ...] = (
    *(Place, Condition, Conditioned, Step, Verdict, Shown, Stage),
    *(LabelledImages, Features, Samples, Population, Run, Progress, Row, Picture, Job),
)
"""What the page of types tells of."""
MADE = "<!-- Made by docs/generate.py from the code; change that. -->"


def pages() -> dict[Path, str]:
    """All pages by their files, relative to this folder."""
    plugins.load_installed()
    made = {Path("kinds") / f"{kind.kind}.md": "\n".join(_kind(kind)) for kind in KINDS}
    made[Path("kinds") / "README.md"] = "\n".join(_catalogue())
    made[Path("kinds") / "given.md"] = "\n".join(_given())
    made[Path("hooks.md")] = "\n".join(_hooks())
    return {path: f"{text.strip()}\n" for path, text in made.items()}


def _catalogue() -> Iterator[str]:
    """A table of the kinds."""
    yield from ("# The kinds", "", MADE, "")
    yield "Everything that a plugin can contribute. A component of each kind is one class; its page says what it has to"
    yield "do, shows the smallest one that does it, and lists those that come with gankit."
    yield from ("", "| kind | what it is | named in an experiment under |", "| --- | --- | --- |")
    for kind in KINDS:
        yield f"| [{kind.kind}]({kind.kind}.md) | {_cell(summary(kind))} | {_paths(kind)} |"
    yield from ("", "The same is told by `gankit explain KIND`, for all plugins that are installed.")


def _kind(kind: type[Component]) -> Iterator[str]:
    """The page of one kind."""
    yield from (f"# {kind.kind.capitalize()}", "", MADE, "", inspect.cleandoc(kind.__doc__ or ""), "")
    yield from (f"Named in an experiment under {_paths(kind)}.", "", "## Contract", "", *_contract(kind))
    yield from ("What the types hold that are named here stands in [what components are given](given.md).", "")
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
    for name, method in _methods(kind):
        must = ", which every one has" if getattr(method, "__isabstractmethod__", False) else ""
        yield from (f"**`{_signature(name, method)}`**{must}", "", *_text(method), "")
    about = under_fields(kind)
    for name in (name for name in about if name not in kind.model_fields):
        yield from (f"**`{name}`**, a class attribute; default: `{_shown(getattr(kind, name))}`", "", about[name], "")
    for name in kind.model_fields:
        yield from (f"**`{name}`**, an option of every one", "", kind.help_texts()[name], "")


def _text(documented: object) -> Iterator[str]:
    """A docstring, its sections of arguments and errors as lists."""
    for line in inspect.cleandoc(documented.__doc__ or "").splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises):", line)
        if heading:
            yield from (f"{heading[1]}:", "")
        else:
            yield re.sub(r"^    (?! )", "- ", line)


def _given() -> Iterator[str]:
    """What the methods of components are given, and what they give."""
    yield from ("# What components are given", "", MADE, "")
    yield "The types that the methods of [the kinds](README.md) name. All but torch's and numpy's are gankit's own."
    for given in GIVEN:
        yield from ("", f"## {given.__name__}", "", *_text(given), "", f"From `{given.__module__}`.", "")
        for name, about in under_fields(given).items():
            yield f"- `{name}: {_annotation(given, name)}` {' '.join(about.split())}"
        for name, method in _methods(given):
            about = " ".join(" ".join(_text(method)).split())
            yield f"- `{_signature(name, method)}` {about}"


def _annotation(owner: type, name: str) -> str:
    annotation = owner.__annotations__[name]
    return annotation if isinstance(annotation, str) else getattr(annotation, "__forward_arg__", str(annotation))


def _methods(owner: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class itself defines."""
    for name, member in vars(owner).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property | cached_property)):
            yield name, member


def _signature(name: str, member: object) -> str:
    """A method with its arguments, as it is called."""
    if isinstance(member, property | cached_property):
        getter = member.fget if isinstance(member, property) else member.func
        assert getter is not None
        return f"{name}: {inspect.signature(getter).return_annotation}"
    assert callable(member)
    signature = inspect.signature(member)
    others = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    return f"{name}{signature.replace(parameters=others)}".replace("'", "")


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


def _component(entry: Entry) -> Iterator[str]:
    """One component with its options."""
    yield from (f"### `{entry.full_name}`", "", inspect.cleandoc(entry.component.__doc__ or ""), "")
    schema = component_schema(entry)
    options = [name for name in schema["properties"] if name != "use"]
    for name in options:
        about = " ".join(schema["properties"][name].get("description", "").split())
        yield f"- `{name}`: {option_in_words(schema, name)}. {about}"
    yield from ([""] if options else [])


def _hooks() -> Iterator[str]:
    """The functions by which a plugin takes part, and the moments of a run."""
    yield from ("# Hooks", "", MADE, "", "## Functions of a plugin", "")
    yield "A plugin is a module, or an object, with some of these functions, each marked by `@gankit.hookimpl`."
    yield "`gankit plugins --trace` shows which of them are called, and how long they take."
    yield ""
    for name, hook in vars(hookspecs).items():
        if name.startswith("gankit_"):
            yield from (f"### `{_signature(name, hook)}`", "", *_text(hook), "")
    yield from ("## Moments of a run", "")
    yield "Installing a plugin changes no run: only the observers that an experiment names are told what happens in it."
    yield "An [observer](kinds/observer.md)'s `watch` is called once, before the first round or where a run goes on,"
    yield "and gives a `gankit.Watcher`, whose methods are called at these moments. What one raises is reported, and"
    yield "stops nothing."
    yield ""
    for name, method in _methods(Watcher):
        yield from (f"### `{_signature(name, method)}`", "", *_text(method), "")
    yield from ("## Their order", "", *ORDER.strip().splitlines())


ORDER = """
```text
watch [load_state_dict] [saving state_dict]
{
  [stage_started] (recorded | updated | evaluating | saving state_dict)*
  evaluating recorded stage_ended saving state_dict
}*
[finished] closed
```

In brackets stands what does not always happen, in braces what happens in each stage, and a star means any number of
times. `load_state_dict` is called where a run goes on and there was a state. A new run is saved before its first round;
`evaluating` and `saving` come within a stage as `evaluation.every` and `checkpoints.every` say. `recorded` and `shown`
also come whenever any observer reports an event or shows a picture. After `restored` all that comes is as from the
moment that the run went back to. A run that stops for whatever reason still says `closed`.
"""


def _paths(kind: type[Component]) -> str:
    named = ", ".join(f"`{path}`" for path in places(kind))
    return f"{named} of a study" if kind.kind == "launcher" else named


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shown(value: object) -> str:
    return "set()" if value == frozenset() else repr(value)


def main() -> None:
    """Write all pages."""
    for path, text in pages().items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(text)


if __name__ == "__main__":
    main()
