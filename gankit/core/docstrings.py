"""The docstrings under the fields of classes, read only when they are asked for: most commands never are.

pydantic's `use_attribute_docstrings` reads them whenever a class is made, which adds a third to the time of a command.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType


@cache
def under_fields(owner: type) -> dict[str, str]:
    """The docstring under each field that a class annotates itself; empty if its source cannot be read."""
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(_bodies(sys.modules.get(owner.__module__)).get(owner.__qualname__, []))
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@cache
def _bodies(module: ModuleType | None) -> dict[str, list[ast.stmt]]:
    """The bodies of all classes that a module's source defines, by their qualified names."""
    try:
        return dict(_bodies_in(ast.parse(inspect.getsource(module)), "")) if module else {}
    except (OSError, TypeError):
        return {}


def _bodies_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Those in the body of a module, a class, a function or another statement."""
    for child in getattr(node, "body", ()):
        inner = prefix
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child.body
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{prefix}{child.name}.<locals>."
        yield from _bodies_in(child, inner)
