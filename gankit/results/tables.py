"""Tables with their titles and notes: as text that any format can show, on a terminal and in Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple, Self

from gankit.core.text import printable, printable_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ABSENT = "-"
"""Stands in a table for what there is not."""
WIDEST = 48
"""Columns of a terminal up to which a cell of text stays on one line."""


class Bold(str):
    """A cell that stands out on a terminal."""

    __slots__ = ()


class Link(str):
    """A cell that leads somewhere on a page."""

    address: str
    """A relative one, as it may stand in HTML."""

    def __new__(cls, text: str, address: str) -> Self:
        """`text`, which leads to `address`."""
        made = super().__new__(cls, text)
        made.address = address
        return made


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
    """As many cells as there are columns; none for a gap."""
    notes: list[str] = field(default_factory=list)
    """What stands under it."""
    is_framed: bool = False
    """Whether a terminal shows space around it, and no cell on several lines."""


@dataclass(frozen=True)
class Report:
    """Everything that is shown."""

    title: str
    sections: list[Section]


def text_columns(*names: str) -> list[Column]:
    """Columns of text."""
    return [Column(name, is_number=False) for name in names]


def significant(number: float) -> str:
    """A number to four significant digits, but never with fewer digits than its whole part has."""
    return f"{number:#.4g}".rstrip(".") if abs(number) < 10_000 else f"{number:.0f}"


def as_shown(text: str, style: str = "") -> Text:
    """Text that a terminal shows as it is, be it markup or control characters of others."""
    from rich.text import Text

    return Text(printable_lines(text), style)


def print_report(report: Report, console: Console) -> None:
    """Print every section under its title."""
    for section in report.sections:
        console.print()
        console.print(as_shown(section.title, "bold"), soft_wrap=True)
        print_section(section, console)


def print_section(section: Section, console: Console) -> None:
    """Print a table and its notes without the title.

    Of tables too wide for a terminal spare columns are left out, and never digits cut off.
    """
    section = _fitted(section, console) if console.is_terminal else section
    if section.columns:
        table = _table(section)
        table.width = _width(table, console)
        console.print(table, crop=False, no_wrap=True)
    for note in section.notes:
        console.print(as_shown(note, "dim"), soft_wrap=not section.is_framed)


def as_terminal(report: Report) -> str:
    """What a terminal would show, without colours."""
    from rich.console import Console

    console = Console(file=(file := StringIO()), width=10_000, color_system=None)
    print_report(report, console)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().strip("\n").split("\n"))


def as_markdown(report: Report) -> str:
    """Tables as GitHub shows them."""
    lines = [f"# {_escaped(report.title)}"]
    for section in report.sections:
        lines += ["", f"## {_escaped(section.title)}", ""]
        if section.columns:
            ends = ["---:" if column.is_number else ":---" for column in section.columns]
            head, *rows = ([*map(_escaped, row)] for row in ([name for name, *_ in section.columns], *section.rows))
            lines += [f"| {' | '.join(line)} |" for line in (head, ends, *rows)]
            lines += [""] if section.notes else []
        lines += [f"- {_escaped(note)}" for note in section.notes]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", printable(text))


def _fitted(section: Section, console: Console) -> Section:
    """A section without the spare columns that the terminal has no room for, which are named under it."""
    left_out: list[str] = []
    spare = [place for place, column in enumerate(section.columns) if column.is_spare]
    while spare and _width(_table(section), console) > console.width:
        place = spare.pop()
        left_out.insert(0, section.columns[place].name)
        columns, *rows = ([*cells[:place], *cells[place + 1 :]] for cells in (section.columns, *section.rows))
        section = replace(section, columns=columns, rows=rows)
    notes = [f"left out, for the terminal is narrow: {', '.join(left_out)}"] if left_out else []
    return replace(section, notes=[*section.notes, *notes])


def _width(table: Table, console: Console) -> int:
    """Columns of a terminal that a table takes."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _table(section: Section) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=section.is_framed)
    for place, column in enumerate(section.columns):
        if column.is_number:
            table.add_column(as_shown(column.name), justify="right", no_wrap=True, vertical="bottom")
        elif section.is_framed:
            table.add_column(as_shown(column.name), no_wrap=True)
        else:  # what lines are called by stays whole, to be copied
            table.add_column(as_shown(column.name), max_width=WIDEST if place else None, overflow="fold")
    for row in section.rows:
        if row:
            table.add_row(*(as_shown(cell, "bold" if isinstance(cell, Bold) else "") for cell in row))
        else:
            table.add_section()
    return table
