"""The labels of images in a table: a CSV with a column of files and one of classes, or several of numbers."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gankit import UserError
from gankit.core.files import read_regular
from gankit.core.text import shortened
from gankit.data.label_file import FolderLabels
from gankit.data.trees import ImageTree, not_there
from gankit_images.classes import in_natural_order

FILE, LABEL = "file", "label"
"""The columns of classes."""
LONGEST = 60
"""Characters that are shown of a cell."""


class Attributes(NamedTuple):
    """What a table says that gives numbers in place of classes."""

    values: dict[str, tuple[float, ...]]
    """Those of each file, which is named relative to the folder, with slashes."""
    names: list[str]
    """What the numbers are called."""
    file: Path
    """The table itself, for messages."""


def read_label_table(tree: ImageTree, name: str) -> FolderLabels | Attributes:
    """The labels of the images of a folder or archive by a CSV, whose first line names the columns.

    With a column `label` it gives classes, which are its texts in natural order; without one all columns but `file` are
    attributes. Lines about files that are not there are passed over.

    Args:
        tree: The images.
        name: Of the CSV, relative to them; one that begins with .. or / lies outside of an archive too.

    Raises:
        UserError: if there is no such table, naming the line that is wrong.
    """
    file = Path(os.path.normpath(tree.path / name))
    try:
        content = read_regular(file) if name.startswith(("..", os.sep)) else tree.read(name)
        text = content.decode("utf-8-sig")  # spreadsheets begin with a mark
    except FileNotFoundError:
        raise UserError(f"labels: {not_there('file', file)}") from None
    except OSError as failure:
        raise UserError(f"labels: {file}: cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"labels: {file}: cannot be read: its text is not UTF-8") from None
    there = {image.as_posix() for image in tree.found.files}
    rows = _Rows(file, text)
    found: dict[str, tuple[str, ...]] = {}
    for line, image, cells in rows:
        if found.setdefault(image, cells) != cells:
            before, here = (shortened(", ".join(each), LONGEST) for each in (found[image], cells))
            raise UserError(f"labels: {file}:{line}: {image} was of {before!r} before, and is of {here!r} here")
        if not rows.gives_classes:
            _numbers(file, line, rows.columns, cells)  # of all lines, whatever is there
    found = {image: cells for image, cells in found.items() if image in there}
    if not rows.gives_classes:
        return Attributes({image: (*map(float, cells),) for image, cells in found.items()}, rows.columns, file)
    names = in_natural_order([*{cells[0] for cells in found.values()}])
    number_of = {name: number for number, name in enumerate(names)}
    return FolderLabels({image: number_of[cells[0]] for image, cells in found.items()}, names, file)


def _numbers(file: Path, line: int, names: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse cells that are no finite numbers."""
    for name, cell in zip(names, cells, strict=True):
        try:
            is_number = math.isfinite(float(cell))
        except ValueError:
            is_number = False
        if not is_number:
            raise UserError(
                f"labels: {file}:{line}: expected a number as {name}, not {shortened(cell, LONGEST)!r}; without a "
                f"column {LABEL} all columns but {FILE} are attributes"
            )


class _Rows:
    """The line, the image and the cells of each row that says something of it."""

    def __init__(self, file: Path, text: str) -> None:
        """Read the first line.

        Raises:
            UserError: if it names no file, or nothing to be said of one.
        """
        self._file, self._rows = file, csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [column.strip() for column in self._next() or []]
        self.gives_classes = LABEL in header
        """Whether one column tells the class."""
        self.columns = [LABEL] if self.gives_classes else [column for column in header if column and column != FILE]
        """What is said of an image."""
        if FILE not in header or not self.columns:
            found = shortened(", ".join(header), 100) or "nothing"
            raise UserError(
                f"labels: {file}:1: the first line names the columns, among them {FILE} and {LABEL}, with commas "
                f"between; here it names {found}; in place of {LABEL} there may be attributes"
            )
        if twice := [column for column in self.columns if header.count(column) > 1]:
            raise UserError(f"labels: {file}:1: names the column {twice[0]} twice")
        self._places = [header.index(column) for column in (FILE, *self.columns)]

    def __iter__(self) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        """Each row.

        Raises:
            UserError: naming the first line in which one is missing.
        """
        while (row := self._next()) is not None:
            if not any(cell.strip() for cell in row):
                continue
            cells = [row[place].strip() if place < len(row) else "" for place in self._places]
            if lacking := [name for name, cell in zip((FILE, *self.columns), cells, strict=True) if not cell]:
                raise UserError(f"labels: {self._file}:{self._rows.line_num}: there is no {lacking[0]} in this line")
            yield self._rows.line_num, PurePosixPath(cells[0]).as_posix(), (*cells[1:],)

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as problem:
            raise UserError(f"labels: {self._file}:{self._rows.line_num}: {problem}") from None
