"""YAML values that know where they stand, and what an unquoted one means."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from gankit.config.yaml.marks import Mark

Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number, true, false or null."""

    mark: Mark
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: list[Node]


class Item(NamedTuple):
    """One value of a mapping and where its key stands."""

    key: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping."""

    mark: Mark
    """Where it begins: at its key if it is written on the lines below that."""
    entries: dict[Key, Item]


Node: TypeAlias = Scalar | Items | Table


def below(node: Node) -> list[Node]:
    """The values that stand directly in `node`."""
    if isinstance(node, Table):
        return [entry.node for entry in node.entries.values()]
    return node.items if isinstance(node, Items) else []


def count(node: Node) -> int:
    """The names and values in `node`, itself included."""
    names = len(node.entries) if isinstance(node, Table) else 0
    return 1 + names + sum(map(count, below(node)))


def without(table: Table, options: Container[Key]) -> Table:
    """A mapping without some of its options."""
    return Table(table.mark, {name: item for name, item in table.entries.items() if name not in options})


def plain_value(node: Node) -> Any:
    """The bare value: dicts, lists and scalars."""
    if isinstance(node, Table):
        return {key: plain_value(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain_value(item) for item in node.items]
    return node.value


def described(node: Node) -> str:
    """What `node` is, in words."""
    if isinstance(node, Scalar):
        return "a single value"
    return "a mapping" if isinstance(node, Table) else "a list"


CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
MOST_DIGITS = 100
"""Digits of a whole number: more than any option can use, and still few enough to compute with and to show."""

WHOLE = re.compile(r"[-+]?[0-9]+")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def resolve_scalar(text: str) -> str | int | float | bool | None:
    """The value of unquoted `text` by the core schema of YAML 1.2 (section 10.3.2).

    Raises:
        ValueError: for a whole number of more than `MOST_DIGITS` digits.
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    is_based = BASED.fullmatch(text)
    if is_based or WHOLE.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise ValueError("too many digits")
        return int(text[2:], {"o": 8, "x": 16}[text[1]]) if is_based else int(text)
    if NUMBER.fullmatch(text):
        return float(text)
    if INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    return text
