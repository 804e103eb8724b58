"""The labels of images in a folder: a file beside them, in the form that many data sets have it.

{"labels": [["cat/000000.png", 0], ...], "classes": ["cat", ...]}

Files are named relative to the folder; `classes`, the names of the classes in the order of their numbers, is ours.
"""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from gankit.core.errors import UserError
from gankit.core.files import parse_json, written_at_once
from gankit.data.trees import ImageTree

LABEL_FILE = "dataset.json"
ATTRIBUTE_TABLE = "labels.csv"
FILE_COLUMN = "file"
"""The column of a table that names the images."""
LONGEST = 200
"""Bytes of the longest name that a class's folder is given; file systems allow 255."""


class FolderLabels(NamedTuple):
    """What a label file says."""

    numbers: dict[str, int]
    """The class of each file, which is named relative to the folder, with slashes."""
    names: list[str] | None
    """What the classes are called, in the order of their numbers; None if it does not say."""
    file: Path
    """The file itself, for messages."""


def read_labels(tree: ImageTree) -> FolderLabels:
    """The labels of the images of a folder or archive.

    Raises:
        UserError: if there is no label file, or it cannot be read as one.
    """
    file = tree.path / LABEL_FILE
    try:
        content = parse_json(tree.read(LABEL_FILE))
        labels, names = content["labels"], content.get("classes")
        numbers = {Path(image).as_posix(): label for image, label in labels}
        _check(numbers, names)
    except OSError as failure:
        raise UserError(f"{file}: cannot be read: {failure.strerror}") from None
    except (AttributeError, LookupError, TypeError, ValueError):
        form = '{"labels": [["FILE", NUMBER], ...], "classes": ["NAME", ...]}, of which classes may be left out'
        raise UserError(f"{file} is no file of labels; expected {form}") from None
    return FolderLabels(numbers, names, file)


def _check(numbers: dict[str, Any], names: Any) -> None:
    """Raise a ValueError for labels that are no numbers of classes, and for names that are not one for each."""
    highest = max(numbers.values())
    if any(type(number) is not int for number in numbers.values()) or min(numbers.values()) < 0:
        raise ValueError
    if names is not None and not (all(type(name) is str for name in names) and highest < len(names) == len({*names})):
        raise ValueError


def write_labels(folder: Path, names: Sequence[str], labelled: Iterable[tuple[str, int]]) -> None:
    """Write the label file of images of these classes, which is there when all that is `labelled` has come.

    Raises:
        OSError: if it cannot be written.
    """
    with written_at_once(folder / LABEL_FILE) as file:
        file.write(f'{{"classes": {json.dumps([*names])},\n"labels": ['.encode())
        for position, pair in enumerate(labelled):
            file.write((b",\n" if position else b"\n") + json.dumps(pair).encode())
        file.write(b"]}\n")


def write_attributes(folder: Path, names: Sequence[str], valued: Iterable[tuple[str, Sequence[float]]]) -> None:
    """Write a table of the values of attributes, a line an image, which is there when all that is `valued` has come.

    Raises:
        OSError: if it cannot be written.
    """
    with written_at_once(folder / ATTRIBUTE_TABLE) as file:
        rows = csv.writer(text := StringIO(newline=""), lineterminator="\n")
        for row in chain([(FILE_COLUMN, *names)], ((image, *values) for image, values in valued)):
            rows.writerow(row)
            file.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()


def folder_names(names: Sequence[str]) -> list[str]:
    """What the folder of each class is called: as the class is, or by its number where no folder can have that name.

    Names of classes may be anyone's: none of these leads out of the folder that it is made in, is hidden or that of
    another class, not even where small and capital letters are one.
    """
    folded = [unicodedata.normalize("NFKC", name).casefold() for name in names]
    times = Counter(folded)
    return [
        name if times[plain] == 1 and _is_folder_name(name) else f"class-{number}"
        for number, (name, plain) in enumerate(zip(names, folded, strict=True))
    ]


def _is_folder_name(name: str) -> bool:
    """Whether any system takes it for the name of a folder, and nothing else of ours is called so."""
    is_plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    is_taken = name.casefold().startswith("class-") or name.casefold() == LABEL_FILE
    return is_plain and not is_taken and name == name.strip(" .") and 0 < len(name.encode()) <= LONGEST
