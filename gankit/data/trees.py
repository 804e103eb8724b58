"""Where image files lie: a folder with all below it, or a zip archive, which are read alike."""

from __future__ import annotations

import difflib
import os
import stat
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, NoReturn

from gankit.core.errors import UserError
from gankit.core.files import read_regular, refuse_irregular
from gankit.core.memory import Allowance
from gankit.core.text import printable
from gankit.data.image_files import SUFFIXES, FoundImages
from gankit.data.names import Names, Paths, ZipDirectory

LARGEST = 2**28
"""Bytes of a file that is unpacked, and of all that are at a time; an image of more is a trap."""

MOST_BESIDE = 1000
"""Names that a missing one is compared with: a few milliseconds."""


class PackedFile(NamedTuple):
    """A file out of an archive, which is opened as paths are."""

    place: str
    """The archive and the name in it."""
    content: bytes

    @property
    def suffix(self) -> str:
        """Its ending, with the dot."""
        return PurePosixPath(self.place).suffix

    def open(self, mode: str = "rb") -> BinaryIO:
        """Its content as a stream."""
        return BytesIO(self.content)

    def read_bytes(self) -> bytes:
        """Its content."""
        return self.content

    def __str__(self) -> str:
        return self.place


class ImageTree(ABC):
    """Files by their names in a tree of folders."""

    path: Path
    """Of the folder or archive."""

    @cached_property
    def found(self) -> FoundImages:
        """The images, looked up once: there may be many, and whatever is asked of them has to agree.

        Raises:
            UserError: if there is no such tree, no image in it, or it cannot be listed.
        """
        files, passed_over = self._listed()
        found = FoundImages(Paths(Names(files)), passed_over)
        if not files:
            looked_for = ", ".join(sorted(SUFFIXES))
            raise UserError(
                f"there are no images in {self.path}; looked for {looked_for}{found.passed_over_in_words()}"
            )
        return found

    @abstractmethod
    def _listed(self) -> tuple[list[str], Counter[str]]:
        """The names of the images, in any order, and what else there is."""

    @abstractmethod
    def folders(self) -> list[str]:
        """The names of the folders at its top."""

    @abstractmethod
    def image(self, file: Path) -> AbstractContextManager[Path | PackedFile]:
        """One of `found`, to be opened within the block.

        Raises:
            OSError: if it cannot be unpacked.
        """

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The content of a file at its top.

        Raises:
            OSError: if there is none, or it cannot be read.
        """

    @abstractmethod
    def holds(self, name: str) -> bool:
        """Whether there is such a file at its top."""

    @abstractmethod
    def state(self, file: Path) -> tuple[int, int]:
        """Numbers of which one changes when the content of an image does.

        Raises:
            OSError: if there is none.
        """


def image_tree(path: Path) -> ImageTree:
    """The images at a path, which need not be there."""
    return ZipTree(path) if path.suffix.lower() == ".zip" and os.path.isfile(path) else FolderTree(path)


def not_there(what: str, path: Path) -> str:
    """Say that there is no such file or folder, and what has the most similar name beside it."""
    try:
        with os.scandir(path.parent) as entries:
            names = [printable(entry.name) for entry in islice(entries, MOST_BESIDE)]
    except OSError:
        names = []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"there is no {what} {path}{f'; beside it lies {near[0]}' if near else ''}"


class FolderTree(ImageTree):
    """A folder of the disk.

    Links are followed, each folder once, but not to those that it lies in, as a link to / would bring in all there is.
    Names that begin with a dot are passed over, and what lies below them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def _listed(self) -> tuple[list[str], Counter[str]]:
        """What there is in the folder and in all below."""
        path = self.path
        if not os.path.isdir(path):  # which no odd path upsets
            if os.path.isfile(path):
                raise UserError(f"{path} is a file, not a folder of images or a .zip of them")
            raise UserError(not_there("folder", path))
        files: list[str] = []
        passed_over: Counter[str] = Counter()
        top = Path(os.path.realpath(path))
        seen = {str(top), *map(str, top.parents)}
        for here, folders, names in os.walk(path, onerror=_refuse, followlinks=True):
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
            inside = Path(here).relative_to(path)
            files += _images_among([(inside / name).as_posix() for name in names], passed_over)
        return files, passed_over

    def folders(self) -> list[str]:
        """Those directly inside it."""
        return [entry.name for entry in os.scandir(self.path) if os.path.isdir(entry)]  # entries raise for some links

    def image(self, file: Path) -> AbstractContextManager[Path]:
        """Where it lies."""
        return nullcontext(self.path / file)

    def read(self, name: str) -> bytes:
        """What a file directly inside it holds."""
        return read_regular(self.path / name)

    def holds(self, name: str) -> bool:
        """Whether it is a file directly inside it."""
        return (self.path / name).is_file()

    def state(self, file: Path) -> tuple[int, int]:
        """Its size and when it was written."""
        there = (self.path / file).stat()
        return (there.st_size, there.st_mtime_ns) if stat.S_ISREG(there.st_mode) else (0, 0)


class ZipTree(ImageTree):
    """A zip archive, read where it lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unpacked = Allowance(LARGEST)

    @cached_property
    def _directory(self) -> ZipDirectory:
        try:
            refuse_irregular(self.path)
            return ZipDirectory(self.path)
        except MemoryError:
            raise
        except Exception as problem:  # which what is no archive fails in many ways
            reason = getattr(problem, "strerror", None) or problem
            raise UserError(f"{self.path}: cannot be read as a zip archive: {reason}") from problem

    def _listed(self) -> tuple[list[str], Counter[str]]:
        """What there is in the archive."""
        passed_over: Counter[str] = Counter()
        shown, hidden = [], 0
        for name in self._directory.names:
            parts = name.split("/")
            if {"", ".", ".."} & {*parts}:
                passed_over["with names of elsewhere"] += 1
            elif any(part.startswith(".") for part in parts[:-1]):
                hidden += 1
            else:
                shown.append(name)
        if hidden:
            passed_over["hidden"] += hidden
        return _images_among(shown, passed_over), passed_over

    def folders(self) -> list[str]:
        """Those at its top, whether they hold anything or not."""
        return self._directory.folders

    @contextmanager
    def image(self, file: Path) -> Iterator[PackedFile]:
        """Unpacked, when there is room among those that are."""
        size, _ = self.state(file)
        with self._unpacked.taking(min(LARGEST, size)):
            yield PackedFile(f"{self.path}/{file}", self.read(file.as_posix()))

    def read(self, name: str) -> bytes:
        """What an entry holds."""
        if (entry := self._directory.entry(name)) is None:
            raise FileNotFoundError(2, os.strerror(2), f"{self.path}/{name}")
        if entry.file_size > LARGEST:
            raise OSError(f"it takes {entry.file_size:,} bytes unpacked, more than {LARGEST:,}")
        try:
            with self._directory.archive.open(entry) as file:
                return file.read()
        except MemoryError:
            raise
        except Exception as problem:  # each method of compression fails in ways of its own
            raise OSError(f"it cannot be unpacked: {problem}") from problem

    def holds(self, name: str) -> bool:
        """Whether it is an entry."""
        return self._directory.entry(name) is not None

    def state(self, file: Path) -> tuple[int, int]:
        """Its size and checksum."""
        if (entry := self._directory.entry(file.as_posix())) is None:
            raise FileNotFoundError(2, os.strerror(2), f"{self.path}/{file}")
        return entry.file_size, entry.CRC


def _images_among(files: Iterable[str], passed_over: Counter[str]) -> list[str]:
    """Those of a place that are read; the others are counted."""
    images = []
    for file in files:
        suffix = os.path.splitext(file)[1].lower()
        if file.rpartition("/")[2].startswith("."):
            passed_over["hidden"] += 1
        elif suffix in SUFFIXES:
            images.append(file)
        else:
            passed_over[suffix.rstrip(".") or "without ending"] += 1
    return images


def _refuse(failure: OSError) -> NoReturn:
    folder = printable(str(failure.filename))
    raise UserError(f"{folder}: this folder cannot be listed: {failure.strerror}") from failure
