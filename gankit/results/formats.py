"""A report on a terminal, in Markdown and as a web page."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from gankit.results.markup import page, part_of
from gankit.results.sections import Report, Section

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDEST = 48
"""Columns of a terminal up to which a cell of text stays on one line."""


def print_report(report: Report, console: Console) -> None:
    """Print a report; of tables too wide for a terminal spare columns are left out, and never digits cut off."""
    from rich.text import Text

    for section in report.sections:
        section = _fitted(section, console) if console.is_terminal else section
        console.print()
        console.print(Text(section.title, style="bold"), soft_wrap=True)
        if section.columns:
            print_table(section, console)
        print_notes(section, console)


def print_notes(section: Section, console: Console) -> None:
    """Print what stands under the table of a section."""
    from rich.text import Text

    for note in section.notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


def print_table(section: Section, console: Console) -> None:
    """Print the table of a section alone."""
    table = _table(section)
    table.width = _width(table, console)
    console.print(table, crop=False, no_wrap=True)


def _fitted(section: Section, console: Console) -> Section:
    """A section without the spare columns that the terminal has no room for, which are named under it."""
    left_out: list[str] = []
    fitted = section
    while _width(_table(fitted), console) > console.width:
        spare = [place for place, column in enumerate(fitted.columns) if column.is_spare]
        if not spare:
            break
        place = spare[-1]
        left_out.insert(0, fitted.columns[place].name)
        columns, *rows = ([*cells[:place], *cells[place + 1 :]] for cells in (fitted.columns, *fitted.rows))
        fitted = replace(fitted, columns=columns, rows=rows)
    if not left_out:
        return section
    return replace(fitted, notes=[*fitted.notes, f"left out, for the terminal is narrow: {', '.join(left_out)}"])


def _width(table: Table, console: Console) -> int:
    """Columns of a terminal that a table takes."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=10_000), table).maximum


def _table(section: Section) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    for place, column in enumerate(section.columns):
        if column.is_number:
            table.add_column(Text(column.name), justify="right", no_wrap=True, vertical="bottom")
        else:  # what lines are called by stays whole, to be copied
            table.add_column(Text(column.name), max_width=WIDEST if place else None, overflow="fold")
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table


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
            lines.append(_line([_escaped(column.name) for column in section.columns]))
            lines.append(_line(["---:" if column.is_number else ":---" for column in section.columns]))
            lines += [_line([_escaped(cell) for cell in row]) for row in section.rows]
            lines += [""] if section.notes else []
        lines += [f"- {_escaped(note)}" for note in section.notes]
    return "\n".join(lines) + "\n"


def as_html(report: Report) -> str:
    """One page that needs no other file."""
    return page(report.title, "", map(part_of, report.sections))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", text)
