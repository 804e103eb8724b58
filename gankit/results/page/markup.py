"""What a page in HTML is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from gankit.core.text import printable_lines
from gankit.results.tables import Report, Section


class Figure(NamedTuple):
    """A picture under its caption."""

    caption: str
    source: str = ""
    """The picture as an address that holds it; empty if only the caption can be shown."""
    alt: str = ""
    """What it shows, in words."""
    width: int | None = None
    """In pixels of a screen; None: as wide as it comes."""
    kind: Literal["", "pixels", "drawing"] = ""
    """Pixels are enlarged without blur; a drawing is dark on white."""


@dataclass(frozen=True)
class PagePart:
    """What stands under one heading of a page, in this order."""

    section: Section
    """The title, and the table and notes that stand under everything but `parts`."""
    drawing: Figure | None = None
    """Shown without its caption."""
    figures: Sequence[Figure] = ()
    """Under each other, in `parts` side by side."""
    text: str = ""
    """Shown as it is, line by line."""
    parts: Sequence[PagePart] = ()
    is_folded: bool = False
    """Whether it shows only when it is clicked on, or printed."""


def page(title: str, parts: Sequence[PagePart], lead: str = "") -> str:
    """A whole page; with a sentence to `lead` it, all parts are listed above them, with links."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    files = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=files, autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return printable_lines(environment.get_template("report.html.j2").render(title=title, parts=parts, lead=lead))


def as_html(report: Report) -> str:
    """One page that needs no other file."""
    return page(report.title, [PagePart(section) for section in report.sections])
