"""The page of options, out of the schema of experiments and studies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from in_markdown import MADE

from gankit.config.explain import option_in_words
from gankit.config.option_paths import option_groups
from gankit.config.schema import Schema, model_schema


def page() -> Iterator[str]:
    """Every option of an experiment and of a study, but those of components."""
    yield from ("# Options", "", MADE, "")
    yield "All that may stand in an experiment or a study. [The language](experiments.md) says how it is written, and"
    yield "[the kinds](kinds/README.md) which options components have. `gankit explain OPTION` tells the same, and"
    yield "`gankit schema > schema.json` lets editors complete and check files."
    for path, model in option_groups().items():
        about = inspect.cleandoc(model.__doc__ or "").splitlines()
        yield from ("", f"## {path}", "", *about, "", *of_schema(model_schema(model)))


def of_schema(schema: Schema) -> Iterator[str]:
    """The options of a component or another model as a list, given its schema."""
    for name in (name for name in schema["properties"] if name != "use"):
        about = " ".join(schema["properties"][name].get("description", "").split())
        yield f"- `{name}`: {option_in_words(schema, name)}. {about}"
