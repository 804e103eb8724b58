"""Tables as HTML, and a page that needs no other file: for screens light and dark, for paper, without scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import NamedTuple

from gankit.results.sections import Section

STYLE = """\
:root { color-scheme: light dark; background: Canvas; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem } h3 { font-size: 1rem; margin: 1rem 0 0.25rem }
nav ul { columns: 22rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.25rem 0.75rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8886 }
th { vertical-align: bottom }
th.number, td.number { text-align: right }
.number, td:first-child { white-space: nowrap }
ul { padding-left: 1.2rem; font-size: 0.9rem } .notes { opacity: 0.8 }
pre { overflow-x: auto; font-size: 0.85rem }
summary { cursor: pointer } summary h2 { display: inline }
figure { margin: 1rem 0; break-inside: avoid }
figcaption { font-size: 0.9rem; margin-bottom: 0.25rem }
img { display: block; max-width: 100%; height: auto }
img.pixels { image-rendering: pixelated }
img.drawing { mix-blend-mode: multiply }
.beside { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; margin: 1rem 0 }
.beside figure { margin: 0; flex: 0 1 23rem; min-width: 12rem }
@media screen and (prefers-color-scheme: dark) {
  img.drawing { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen }
}
@media print {
  :root { font-size: 11px } body { max-width: none; margin: 0; padding: 0 }
  .scroll { overflow: visible } td:first-child { white-space: normal }
  h2, h3, thead { break-after: avoid } tr { break-inside: avoid }
  pre { white-space: pre-wrap } img.pixels { print-color-adjust: exact }
  details::details-content { content-visibility: visible; display: block }
}
"""
"""A drawing on white is laid on the page as on glass, in the dark with its lightness turned round."""


class PageSection(NamedTuple):
    """What stands under one heading of a page."""

    title: str
    """As text."""
    body: str
    """As HTML."""
    is_folded: bool = False
    """Whether it shows only when it is clicked on, or printed."""


def page(title: str, lead: str, parts: Iterable[PageSection], has_contents: bool = False) -> str:
    """A whole page.

    Args:
        title: As text.
        lead: HTML that stands before all parts; may be empty.
        parts: In their order.
        has_contents: Whether all parts are listed above them, with links.
    """
    parts = list(parts)
    anchors = [f"part-{number}" for number in range(1, len(parts) + 1)]
    contents = [_contents(parts, anchors)] if has_contents else []
    body = "\n".join(text for text in [lead, *contents, *map(_part, parts, anchors)] if text)
    name = html.escape(title)
    head = f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>{name}</title>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n<style>\n{STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )


def part_of(section: Section, is_folded: bool = False) -> PageSection:
    """The part of a page that shows a section."""
    return PageSection(section.title, body_of(section), is_folded)


def body_of(section: Section) -> str:
    """A section's table and notes, without its title."""
    parts = []
    kinds = [' class="number"' if column.is_number else "" for column in section.columns]
    if section.columns:
        head = _row("th", [column.name for column in section.columns], kinds)
        rows = "\n".join(_row("td", row, kinds) for row in section.rows)
        parts.append(f'<div class="scroll"><table>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>')
    if section.notes:
        parts.append(notes(section.notes))
    return "\n".join(parts)


def notes(texts: Iterable[str]) -> str:
    """Remarks, one a line."""
    return '<ul class="notes">\n' + "\n".join(f"<li>{html.escape(text)}</li>" for text in texts) + "\n</ul>"


def _part(part: PageSection, anchor: str) -> str:
    heading = f"<h2>{html.escape(part.title)}</h2>"
    if part.is_folded:
        return f'<details id="{anchor}">\n<summary>{heading}</summary>\n{part.body}\n</details>'
    return f'<section id="{anchor}">\n{heading}\n{part.body}\n</section>'


def _contents(parts: list[PageSection], anchors: list[str]) -> str:
    """A list of all parts; of long titles what comes before the colon."""
    entries = [
        f'<li><a href="#{anchor}">{html.escape(part.title.partition(": ")[0])}</a></li>'
        for part, anchor in zip(parts, anchors, strict=True)
    ]
    return '<nav aria-label="Contents">\n<ul>\n' + "\n".join(entries) + "\n</ul>\n</nav>"


def _row(tag: str, cells: list[str], kinds: list[str]) -> str:
    shown = "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
    return f"<tr>{shown}</tr>"
