"""What a page in HTML holds."""

from __future__ import annotations

from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from gankit.cli import main

Table = list[list[str]]
"""Lines of cells, the head first."""
EMPTY = frozenset({"meta", "img", "br", "link", "input", "hr"})
"""Elements that are never closed."""


class Page(HTMLParser):
    """A page, taken apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, Table] = {}
        """By the title that stands before."""
        self.texts: list[str] = []
        self.pictures: list[tuple[str, dict[str, str]]] = []
        """The caption and the attributes of each picture that has one."""
        self.captions: list[str] = []
        self.unclosed: list[str] = []
        self._title = ""
        self.feed(text)
        self.close()
        assert self.unclosed == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag not in EMPTY:
            self.unclosed.append(tag)
        if tag in ("h1", "h2", "h3"):
            self._title = ""
        if tag == "table":
            self.tables[self._title] = []
        if tag == "tr":
            self.tables[self._title].append([])
        if tag in ("td", "th"):
            self.tables[self._title][-1].append("")
        if tag == "figcaption":
            self.captions.append("")
        if tag == "img" and "figure" in self.unclosed:
            self.pictures.append((self.captions[-1], attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        within = self.unclosed[-1] if self.unclosed else ""
        if within != "style":
            self.texts.append(data)
        if within in ("h1", "h2", "h3"):
            self._title += data
        if within in ("td", "th"):
            self.tables[self._title][-1][-1] += data
        if within == "figcaption":
            self.captions[-1] += data

    def pixels(self, begin: str) -> np.ndarray:
        """Those of the last picture whose caption begins so."""
        *_, found = [attributes for caption, attributes in self.pictures if caption.startswith(begin)]
        return np.asarray(Image.open(BytesIO(content_of(found["src"], "image/png"))))


def page_of(place: Path, *arguments: str) -> Page:
    """The page that the command makes of a place; it prints nothing."""
    output = place.parent / "report.html"
    assert main(["report", str(place), "-o", str(output), *arguments]) == 0
    return Page(output.read_text(encoding="utf-8"))


def content_of(source: str, kind: str) -> bytes:
    """What an address holds that is its own content."""
    begin = f"data:{kind};base64,"
    assert source.startswith(begin)
    return b64decode(source.removeprefix(begin), validate=True)
