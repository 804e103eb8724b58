"""The docstrings under the fields of classes, read only when they are asked for: most commands never are."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType


def under_fields(owner: type) -> dict[str, str]:
    """The docstring under each field that a class annotates itself; empty if its source cannot be read."""
    module = sys.modules.get(owner.__module__)
    classes = _classes_of(module) if module else {}
    body = classes[owner.__qualname__].body if owner.__qualname__ in classes else []
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@cache
def _classes_of(module: ModuleType) -> dict[str, ast.ClassDef]:
    """All classes that a module's source defines, by their qualified names."""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return {}
    return dict(_classes_in(ast.parse(source), ""))


def _classes_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Those in the body of a module, a class, a function or another statement."""
    for child in getattr(node, "body", ()):
        inner = prefix
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{prefix}{child.name}.<locals>."
        yield from _classes_in(child, inner)
