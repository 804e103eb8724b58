"""The docstrings under the fields of classes, read only when they are asked for: most commands never are."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType

BEGINNING = re.compile(
    r"^class (?P<name>\w+).*?(?=^    (?:@|(?:async )?def |class )|^[^\s)#]|\Z)", re.MULTILINE | re.DOTALL
)


@cache
def under_fields(owner: type) -> dict[str, str]:
    """The docstring under each field that a class annotates itself; empty if its source cannot be read."""
    module = sys.modules.get(owner.__module__)
    body = (_beginning(owner, module) or _whole(owner, module)) if module else []
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _beginning(owner: type, module: ModuleType) -> list[ast.stmt]:
    """What stands in a class before its first method, where that is all of its fields; else nothing.

    It nearly always is, and a module takes several times as long to parse.
    """
    found = _beginnings(module).get(owner.__name__, [])
    try:
        (block,) = ast.parse(found[0]).body if len(found) == 1 else []
    except (SyntaxError, ValueError):
        return []
    body = block.body if isinstance(block, ast.ClassDef) and owner.__qualname__ == owner.__name__ else []
    fields = {each.target.id for each in body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}
    return body if fields == vars(owner).get("__annotations__", {}).keys() else []


def _whole(owner: type, module: ModuleType) -> list[ast.stmt]:
    """What stands in a class, wherever it stands itself."""
    classes = _classes_of(module)
    return classes[owner.__qualname__].body if owner.__qualname__ in classes else []


@cache
def _beginnings(module: ModuleType) -> dict[str, list[str]]:
    """What stands before the first method of each class at the top of a module, by the name of the class."""
    found: dict[str, list[str]] = defaultdict(list)
    for beginning in BEGINNING.finditer(_source(module)):
        found[beginning["name"]].append(beginning[0])
    return found


@cache
def _source(module: ModuleType) -> str:
    """The source of a module; empty if it cannot be read."""
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):
        return ""


@cache
def _classes_of(module: ModuleType) -> dict[str, ast.ClassDef]:
    """All classes that a module's source defines, by their qualified names."""
    return dict(_classes_in(ast.parse(_source(module)), ""))


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
