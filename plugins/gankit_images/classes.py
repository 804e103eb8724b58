"""Which folders are classes, and how they are numbered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gankit import UserError
from gankit.core.text import printable, shortened
from gankit.data.label_file import FolderLabels
from gankit.data.trees import ImageTree

LONGEST_NUMBER = 20
"""Digits that are shown of a class."""
OF_SYSTEMS = frozenset(
    {"$recycle.bin", "#recycle", "@eadir", "__macosx", "__pycache__", "lost+found", "system volume information"}
)
"""Folders that operating systems, network drives and archives leave behind, in lower case."""


def in_natural_order(names: Sequence[str]) -> list[str]:
    """Names in the order in which people count them: a run of digits as the number it is, so that 2 is before 10."""
    return sorted(names, key=lambda name: (_parts(name), name))


def _parts(name: str) -> list[str | int]:
    """The text and, at every other place, the numbers that a name is made of."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]


def is_class(name: str) -> bool:
    """Whether a folder of this name can be a class: it is neither hidden nor left behind by a system."""
    return not name.startswith(".") and name.lower() not in OF_SYSTEMS


def class_folders(tree: ImageTree) -> list[str]:
    """Names of the folders at the top of a data set that are classes, in natural order.

    Raises:
        UserError: if an image lies in no class, or a class holds no images.
    """
    path, files = tree.path, tree.found.files
    _refuse_loose(path, files)
    holding = {file.parts[0] for file in files}
    there = [name for name in tree.folders() if is_class(name)]
    if empty := in_natural_order([name for name in there if name not in holding]):
        others = f" and {len(empty) - 1} more folders hold" if len(empty) > 1 else " holds"
        first = printable(str(path / empty[0]))
        raise UserError(
            f"labels: {first}{others} no images, so that there is nothing to learn of this class; "
            f"move it out of {path}, or put its images there"
        )
    if not there:
        raise UserError(f"labels: no folder in {path} can be a class; each needs a folder of its own with its images")
    return in_natural_order(there)


def class_folders_by_text(tree: ImageTree) -> list[str]:
    """Classes as gankit numbered them before runs kept their classes: by text, 10 before 2, whatever holds images.

    Raises:
        UserError: if an image lies in no class.
    """
    _refuse_loose(tree.path, tree.found.files)
    return sorted({file.parts[0] for file in tree.found.files})


def classes_in_file(path: Path, labels: FolderLabels, files: Sequence[Path]) -> list[str]:
    """Names of the classes of a label file, in the order of their numbers.

    Args:
        path: The data set's folder.
        labels: What its label file says.
        files: The images in it, relative to it.

    Raises:
        UserError: if an image has no label, or a class holds no images.
    """
    highest = max(labels.numbers.values(), default=-1)
    if labels.names is None and highest >= len(labels.numbers):  # of which a list may take all memory
        there = {*labels.numbers.values()}
        empty = next(number for number in range(highest) if number not in there)
        raise UserError(
            f"labels: {labels.file} has no images of class {empty}, so that there is nothing to learn of it; "
            f"its highest class is {shortened(str(highest), LONGEST_NUMBER)}"
        )
    names = labels.names or [str(number) for number in range(highest + 1)]
    holding = {class_in_file(path, labels, file, names) for file in files}
    if empty := [name for name in names if name not in holding]:
        first = printable(empty[0])
        raise UserError(
            f"labels: {labels.file} has no images of class {first}, so that there is nothing to learn of it"
        )
    return names


def class_in_file(path: Path, labels: FolderLabels, file: Path, names: Sequence[str]) -> str:
    """What the class of an image is called by a label file, or by `names` where that has numbers alone.

    Raises:
        UserError: if it has no label.
    """
    if (number := labels.numbers.get(file.as_posix())) is None:
        raise UserError(f"labels: {printable(str(path / file))} has no label in {labels.file}")
    names = labels.names or names
    return names[number] if number < len(names) else str(number)


def _refuse_loose(path: Path, files: Sequence[Path]) -> None:
    if loose := [file for file in files if len(file.parts) == 1]:
        raise UserError(f"labels: {printable(str(path / loose[0]))} lies in no folder that could be its class")
