"""The labels of images in a table: a CSV with a column of files and one of labels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gankit import UserError
from gankit.core.files import read_regular
from gankit.core.text import shortened
from gankit.data.label_file import FolderLabels
from gankit.data.trees import ImageTree, not_there
from gankit_images.classes import in_natural_order

FILE, LABEL = "file", "label"
"""The columns that are read."""


def read_label_table(tree: ImageTree, name: str) -> FolderLabels:
    """The labels of the images of a folder or archive by a CSV; classes are its texts, in natural order.

    The first line names the columns. Lines about files that are not there are passed over.

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
    labels: dict[str, str] = {}
    for line, image, label in _rows(file, text):
        if labels.setdefault(image, label) != label:
            raise UserError(f"labels: {file}:{line}: {image} was of {labels[image]!r} before, and is of {label!r} here")
    labels = {image: label for image, label in labels.items() if image in there}
    names = in_natural_order([*{*labels.values()}])
    number_of = {name: number for number, name in enumerate(names)}
    return FolderLabels({image: number_of[label] for image, label in labels.items()}, names, file)


def _rows(file: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """The line, the image and the label of each row.

    Raises:
        UserError: naming the first line that has not both.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in next(rows, [])]
        if FILE not in header or LABEL not in header:
            found = shortened(", ".join(header), 100) or "nothing"
            raise UserError(
                f"labels: {file}:1: the first line names the columns, among them {FILE} and {LABEL}, with commas "
                f"between; here it names {found}"
            )
        columns = header.index(FILE), header.index(LABEL)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            image, label = (row[column].strip() if column < len(row) else "" for column in columns)
            if not image or not label:
                lacking = LABEL if image else FILE
                raise UserError(f"labels: {file}:{rows.line_num}: there is no {lacking} in this line")
            yield rows.line_num, PurePosixPath(image).as_posix(), label
    except csv.Error as problem:
        raise UserError(f"labels: {file}:{rows.line_num}: {problem}") from None
