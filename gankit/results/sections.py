"""Tables with their titles and notes, as text that can be shown in any format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ABSENT = "-"
"""Stands in a table for what there is not."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    is_number: bool = True
    """Numbers stand to the right and are never broken into lines."""
    is_spare: bool = False
    """Left out of a terminal that is too narrow for all, the last such column first."""


@dataclass(frozen=True)
class Section:
    """One table."""

    title: str
    columns: list[Column] = field(default_factory=list)
    """Empty if there are only notes."""
    rows: list[list[str]] = field(default_factory=list)
    """As many cells as there are columns."""
    notes: list[str] = field(default_factory=list)
    """What stands under it."""


@dataclass(frozen=True)
class Report:
    """Everything that is shown."""

    title: str
    sections: list[Section]
