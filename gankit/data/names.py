"""Names of files by the million, which as objects would take more memory than all else of a run."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import overload
from zipfile import ZipFile, ZipInfo


class Names:
    """Names with slashes, sorted part by part, in two arrays."""

    def __init__(self, names: Iterable[str]) -> None:
        """Sort them."""
        keys = sorted(map(_key, names))
        self._keys = b"".join(keys)
        self._ends = array("q", accumulate(map(len, keys)))
        self._next = 0
        """Behind the last one that was asked for, where most are that are asked for next."""

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> str:
        return self._key_at(position).replace(b"\0", b"/").decode("utf-8", "surrogatepass")

    def position(self, name: str) -> int | None:
        """Where a name is; None if it is none of them."""
        key, found = _key(name), self._next
        if found >= len(self) or self._key_at(found) != key:
            found = bisect_left(range(len(self)), key, key=self._key_at)
        if found >= len(self) or self._key_at(found) != key:
            return None
        self._next = found + 1
        return found

    def _key_at(self, position: int) -> bytes:
        return self._keys[self._ends[position - 1] if position else 0 : self._ends[position]]


def _key(name: str) -> bytes:
    """What sorts as the parts of a name do, since no name holds a zero byte."""
    return name.encode("utf-8", "surrogatepass").replace(b"/", b"\0")


class Paths(Sequence[Path]):
    """Names as paths."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, at: int) -> Path: ...
    @overload
    def __getitem__(self, at: slice) -> list[Path]: ...
    def __getitem__(self, at: int | slice) -> Path | list[Path]:
        if isinstance(at, slice):
            return [self[position] for position in range(*at.indices(len(self)))]
        return Path(self._names[range(len(self))[at]])


NUMBERS = ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits")
"""What is kept of an entry beside its name: all that it takes to read it."""


class ZipDirectory:
    """The files of a zip archive; zipfile keeps an object of some 700 bytes for each, which are let go."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            Exception: if it cannot be read as an archive, of one of many types.
        """
        self.archive = ZipFile(path)
        entries = {entry.filename: entry for entry in self.archive.infolist() if not entry.is_dir()}
        self.folders = sorted({name.partition("/")[0] for name in self.archive.namelist() if "/" in name} - {""})
        """The names of the folders at its top."""
        self.names = Names(entries)
        """Of all files."""
        self._numbers = array("q", (getattr(entries[name], number) for name in self.names for number in NUMBERS))
        self.archive.filelist.clear()
        self.archive.NameToInfo.clear()

    def entry(self, name: str) -> ZipInfo | None:
        """What `archive` opens a file by; None if there is none of this name."""
        if (position := self.names.position(name)) is None:
            return None
        entry = ZipInfo(name)
        for place, number in enumerate(NUMBERS, position * len(NUMBERS)):
            setattr(entry, number, self._numbers[place])
        return entry
