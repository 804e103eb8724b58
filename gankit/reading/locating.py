"""Finds the place in an experiment's sources that an error is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gankit.component import Component
from gankit.config import Experiment
from gankit.options import Options
from gankit.reading.marks import Mark, Mistake
from gankit.reading.nodes import Items, Node, Scalar, Table
from gankit.reading.parts import KEY, Path
from gankit.reading.wording import in_words

ABOUT_KEYS = ("unknown_option", "extra_forbidden", "invalid_key", "resolution")
"""Types of error that are about a key and not about its value."""


def mistakes_of(failure: ValidationError, root: Table) -> list[Mistake]:
    """Each error where it stands; what is missing, at the mapping that lacks it.

    A value that fits none of several types fails once for each: those errors become one mistake.
    """
    found: dict[tuple[Mark, Path, bool], list[str]] = {}
    for error in failure.errors(include_url=False):
        mark, path, is_choice = _locate(root, error)
        messages = found.setdefault((mark, path, is_choice), [])
        message = in_words(error)
        if message not in messages:
            messages.append(message)
    mistakes: list[Mistake] = []
    for (mark, path, is_choice), messages in found.items():
        mistakes += [Mistake(mark, path, said) for said in (["; or ".join(messages)] if is_choice else messages)]
    return mistakes


def _locate(root: Table, error: Mapping[str, Any]) -> tuple[Mark, Path, bool]:
    """The mark and path of an error, and whether it only speaks of one of several types that a value may have."""
    node: Node = root
    mark = key = root.mark
    steps = [step for step in error["loc"] if step != KEY]
    for depth, step in enumerate(steps):
        if isinstance(node, Table) and step in node.entries:
            key, node = node.entries[step]
            mark = node.mark
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            mark = node.mark
        else:
            is_name = isinstance(node, Scalar) and error["type"] == "missing"  # which stands for a mapping
            is_value = not isinstance(node, Table) and not is_name
            return mark, tuple(steps[:depth] if is_value else steps), is_value and isinstance(step, str)
    is_about_key = error["type"] in ABOUT_KEYS or KEY in error["loc"]
    return key if is_about_key else mark, tuple(steps), False


def place_of(experiment: Experiment, root: Table, path: Path) -> tuple[Mark, Path]:
    """Where the part of `experiment` at `path` stands, or what it is a default of, and its path as it is written.

    One value may stand for a list or a table that holds it, one component for a group of them; then the position, key
    or name in `path` is not written.
    """
    value: Any = experiment
    node: Node | None = root
    mark, key, written = root.mark, root.mark, []
    for step in path:
        if step == KEY:
            return key, tuple(written)
        if isinstance(node, Table) and step in node.entries:
            key = node.entries[step].key
        below = _below(node, step, Items if isinstance(value, list | tuple) else Table)
        is_option = isinstance(value, Options) and not _is_one_for_all(value, node)
        if below is not None or is_option or node is None:
            node = below
            written.append(step)
        if below is not None:
            mark = below.mark
        value = _part(value, step)
    return mark, tuple(written)


def _part(value: Any, step: str | int) -> Any:
    """What `value` holds under a name, key or position."""
    return getattr(value, str(step)) if isinstance(value, Options) else value[step]


def _below(node: Node | None, step: str | int, shape: type[Items | Table]) -> Node | None:
    """What `node` holds under a key or at a position if it has the right shape."""
    if not isinstance(node, shape):
        return None
    if isinstance(node, Items):
        return node.items[int(step)]
    return node.entries[step].node if isinstance(node, Table) and step in node.entries else None


def _is_one_for_all(value: Options, node: Node | None) -> bool:
    """Whether a group of options is written as one component, which stands for each of them."""
    is_component = isinstance(node, Scalar) or (isinstance(node, Table) and "use" in node.entries)
    return is_component and not isinstance(value, Component)
