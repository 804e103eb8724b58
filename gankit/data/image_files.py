"""Image files: which are read, and which there are in a folder; the one place that says so for all commands."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from gankit.core.errors import UserError
from gankit.core.text import first_of, printable

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
    """What there is in a folder and in all folders below."""

    files: list[Path]
    """Paths of the images relative to the folder, in the same order everywhere."""
    passed_over: Counter[str]
    """How many entries are no images, by their endings in lower case or what else they are, such as hidden."""

    def in_words(self, classes: Mapping[str, int] | None = None) -> str:
        """How many images there are, and what was passed over, the most frequent first.

        Args:
            classes: The number of images in each class, which are named in this order; default: there are none.
        """
        said = _counted(len(self.files), "image")
        if classes is not None:
            each = first_of((f"{name} {count:,}" for name, count in classes.items()), MOST_LISTED)
            said += f" in {_counted(len(classes), 'class')}: {each}"
        return f"{said}{self.passed_over_in_words()}"

    def passed_over_in_words(self) -> str:
        """A clause that begins with a semicolon; empty if nothing was passed over."""
        ordered = sorted(self.passed_over.items(), key=lambda item: (-item[1], item[0]))
        return (
            f"; passed over: {first_of((f'{count:,} {what}' for what, count in ordered), MOST_LISTED)}"
            if ordered
            else ""
        )


def _counted(count: int, noun: str) -> str:
    """A number of things, such as "3 classes"."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def find_images(folder: Path) -> FoundImages:
    """The images in a folder and in all folders below.

    Links are followed, each folder once, but not to those that it lies in, as a link to / would bring in all there is.
    Names that begin with a dot are passed over, and what lies below them.

    Raises:
        UserError: if there is no such folder or no image in it, or a folder below cannot be listed, whose images would
            be missing.
    """
    if not os.path.isdir(folder):  # which no odd path upsets
        if os.path.isfile(folder):
            raise UserError(f"{folder} is a file, not a folder of images; unpack an archive and name the folder")
        raise UserError(f"there is no folder {folder}")
    files: list[Path] = []
    passed_over: Counter[str] = Counter()
    top = Path(os.path.realpath(folder))
    seen = {str(top), *map(str, top.parents)}
    for here, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        unseen = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(here, name))
            if name.startswith("."):
                passed_over["hidden"] += 1
            elif real in seen:
                passed_over["linked again"] += 1
            else:
                seen.add(real)
                unseen.append(name)
        folders[:] = unseen  # which is where os.walk goes on
        inside = Path(here).relative_to(folder)
        for name in names:
            suffix = Path(name).suffix.lower()
            if name.startswith("."):
                passed_over["hidden"] += 1
            elif suffix in SUFFIXES:
                files.append(inside / name)
            else:
                passed_over[suffix or "without ending"] += 1
    found = FoundImages(sorted(files, key=lambda file: file.parts), passed_over)
    if not files:
        looked_for = ", ".join(sorted(SUFFIXES))
        raise UserError(f"there are no images in {folder}; looked for {looked_for}{found.passed_over_in_words()}")
    return found


def _refuse(failure: OSError) -> NoReturn:
    folder = printable(str(failure.filename))
    raise UserError(f"{folder}: this folder cannot be listed: {failure.strerror}") from failure
