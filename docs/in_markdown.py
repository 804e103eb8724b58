"""Puts classes, functions and their docstrings into Markdown, for the pages that docs/generate.py makes."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from types import ModuleType

from gankit.core.docstrings import under_fields

MADE = "<!-- Made by docs/generate.py from the code; change that. -->"
"""Stands below the title of a page that is."""


def text(documented: object) -> Iterator[str]:
    """A docstring, its sections of arguments and errors as lists."""
    for line in inspect.cleandoc(documented.__doc__ or "").splitlines():
        heading = re.fullmatch(r"(Args|Returns|Raises):", line)
        if heading:
            yield from (f"{heading[1]}:", "")
        else:
            yield re.sub(r"^    (?! )", "- ", line).replace(" " * 8, "  ")


def members(owner: type) -> Iterator[str]:
    """The fields and methods of a class, as a list."""
    for name, about in under_fields(owner).items():
        yield f"- `{name}: {annotation(owner, name)}` {' '.join(about.split())}"
    for name, method in methods(owner):
        yield f"- `{signature(name, method)}` {' '.join(' '.join(text(method)).split())}"


def annotation(owner: type, name: str) -> str:
    """The type of a field, as its class says it."""
    said = owner.__annotations__[name]
    text = said if isinstance(said, str) else getattr(said, "__forward_arg__", str(said))
    return text.removeprefix("ClassVar[").removesuffix("]") if text.startswith("ClassVar[") else text


def methods(owner: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class itself defines."""
    for name, member in vars(owner).items():
        method = member.__func__ if isinstance(member, staticmethod) else member
        if not name.startswith("_") and (inspect.isfunction(method) or isinstance(method, property | cached_property)):
            yield name, method


def signature(name: str, member: object) -> str:
    """A method with its arguments, as it is called."""
    if isinstance(member, property | cached_property):
        getter = member.fget if isinstance(member, property) else member.func
        assert getter is not None
        return f"{name}: {inspect.signature(getter).return_annotation}"
    assert callable(member)
    whole = inspect.signature(member)
    others = [parameter for parameter in whole.parameters.values() if parameter.name != "self"]
    return f"{name}{whole.replace(parameters=others)}".replace("'", "").replace(repr(math.sqrt(2)), "sqrt(2)")


def under_names(module: ModuleType) -> dict[str, str]:
    """The docstring under each name that a module assigns at its top."""
    return {
        name.id: inspect.cleandoc(str(below.value.value))
        for assigned, below in pairwise(ast.parse(inspect.getsource(module)).body)
        if isinstance(assigned, ast.Assign | ast.AnnAssign)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        for name in (assigned.targets if isinstance(assigned, ast.Assign) else [assigned.target])
        if isinstance(name, ast.Name)
    }


def cell(text: str) -> str:
    """Text for a table."""
    return text.replace("|", "\\|")


def shown(value: object) -> str:
    """A value as one would write it."""
    return "set()" if value == frozenset() else repr(value)
