"""Image files: which are read, and what is said of those that were found; the one place for all commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gankit.core.text import first_of

ENDINGS = {
    "PNG": (".apng", ".png"),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".pbm", ".pgm", ".pnm", ".ppm"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2",),
    "TGA": (".tga",),
}
"""The formats that are read, by their names in Pillow, and the endings of their files, in any case."""
SUFFIXES = frozenset(suffix for suffixes in ENDINGS.values() for suffix in suffixes)
"""Endings of the files that are read."""
MOST_LISTED = 12
"""Classes, or endings of what was passed over, that are named."""


class FoundImages(NamedTuple):
    """What there is in a folder and in all folders below, or in an archive."""

    files: Sequence[Path]
    """Paths of the images relative to it, in the same order everywhere."""
    passed_over: Counter[str]
    """How many entries are no images, by their endings in lower case or what else they are, such as hidden."""

    def in_words(self, classes: Mapping[str, int] | None = None) -> str:
        """How many images there are, and what was passed over; see `found_in_words`."""
        return found_in_words(len(self.files), self.passed_over, classes)

    def passed_over_in_words(self) -> str:
        """A clause that begins with a semicolon; empty if nothing was passed over."""
        return _passed_over_in_words(self.passed_over)


def found_in_words(count: int, passed_over: Counter[str], classes: Mapping[str, int] | None = None) -> str:
    """How many images there are, and what was passed over, the most frequent first.

    Args:
        count: The number of images.
        passed_over: The number of things that are none, by what they are.
        classes: The number of images in each class, which are named in this order; images of others are passed over.
            Default: there are none.
    """
    if classes is None:
        return f"{counted(count, 'image')}{_passed_over_in_words(passed_over)}"
    of_these = sum(classes.values())
    each = first_of((f"{name} {number:,}" for name, number in classes.items()), MOST_LISTED)
    passed_over = passed_over + Counter({"of other classes": count - of_these})
    said = f"{counted(of_these, 'image')} in {counted(len(classes), 'class')}: {each}"
    return f"{said}{_passed_over_in_words(passed_over)}"


def _passed_over_in_words(passed_over: Counter[str]) -> str:
    ordered = sorted(passed_over.items(), key=lambda item: (-item[1], item[0]))
    named = first_of((f"{count:,} {what}" for what, count in ordered), MOST_LISTED)
    return f"; passed over: {named}" if ordered else ""


def counted(count: int, noun: str) -> str:
    """A number of things, such as "3 classes"."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"
