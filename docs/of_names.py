"""The page of the names that `import gankit` gives, out of their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from in_markdown import MADE, methods, signature, text, under_names

import gankit
from gankit import testing
from gankit.core import options, tables
from gankit.core.component import is_kind
from gankit.testing import rules


def page() -> Iterator[str]:
    """Functions, then classes, then kinds and types of options, which other pages tell of at length."""
    names = {name: getattr(gankit, name) for name in sorted(gankit.__all__)}
    kinds: list[Any] = [value for value in names.values() if inspect.isclass(value) and is_kind(value)]
    functions = {name: value for name, value in names.items() if inspect.isfunction(value)}
    classes = {name: value for name, value in names.items() if inspect.isclass(value) and value not in kinds}
    types = under_names(options) | under_names(tables)
    yield from ("# Names of Python", "", MADE, "")
    yield "What `import gankit` gives. With examples: [from Python](python.md), [other loops](other-loops.md),"
    yield "[write a plugin](write-a-plugin.md). Networks are made of [layers](kinds/layers.md)."
    yield from ("", "## Functions")
    for name, function in functions.items():
        yield from ("", f"### {name}", "", f"`{signature(name, function)}`", "", *text(function))
    yield from ("", "`gankit.hookimpl` marks the functions by which a plugin takes part: [hooks](hooks.md).")
    yield from ("", "## Classes")
    for name, described in classes.items():
        yield from ("", f"### {name}", "", *text(described), "")
        yield from (
            f"- `{signature(called, method)}` {' '.join(' '.join(text(method)).split())}"
            for called, method in methods(described)
        )
    yield from ("", "## Kinds", "", "Abstract classes, each with a page that has its contract and its components.", "")
    yield from (f"- [{kind.__name__}](kinds/{kind.kind}.md)" for kind in kinds)
    yield from ("", "## Types of options", "")
    yield from (f"- `{name}`: {' '.join(types[name].split())}" for name in names if name in types)
    yield from ("", "## For the tests of plugins", "")
    yield "What `import gankit.testing` gives, with `pip install 'gankit[testing]'`."
    yield "[Two lines of it](write-a-plugin.md#its-tests) are enough."
    yield ""
    said = under_names(rules)
    for name in testing.__all__:
        value = getattr(testing, name)
        called = f"{name}({', '.join(inspect.signature(value).parameters)})" if inspect.isfunction(value) else name
        about = (said.get(name) or inspect.getdoc(value) or "").partition("\n\n")[0]
        yield f"- `{called}`: {' '.join(about.split())}"
