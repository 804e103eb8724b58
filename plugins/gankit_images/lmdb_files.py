"""LMDB databases whose values are image files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import lmdb
import numpy as np
from lmdb import verify

from gankit import UserError
from gankit.core.failures import warn
from gankit.core.text import printable, shortened
from gankit.data.image_reading import begins_as_image
from gankit.data.indexes import file_state, kept_index
from gankit.data.trees import PackedFile
from gankit_images.records import Labels, Records, label_text, labels_of, refuse_large

OF_OTHERS = (b"length", b"num-samples", b"__len__", b"__keys__", b"__meta__")
"""Keys that tell of the other keys in the databases that there are."""


LARGE = 2**32
"""Bytes from which on it is said that a database is checked, which takes a while."""


class Database:
    """A database that is open in this process, as LMDB allows once for each."""

    _open: WeakValueDictionary[tuple[int, int], Database] = WeakValueDictionary()
    _lock = Lock()

    def __init__(self, file: Path) -> None:
        self._environment: Any = lmdb.open(
            str(file), subdir=False, readonly=True, lock=False, create=False, readahead=False, max_spare_txns=16
        )

    @classmethod
    def at(cls, file: Path) -> Database:
        """The database of a file, by whatever name.

        Raises:
            OSError, lmdb.Error: if it cannot be opened.
        """
        there = file.stat()
        with cls._lock:
            if (found := cls._open.get(place := (there.st_dev, there.st_ino))) is None:
                found = cls._open[place] = cls(file)
            return found

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A view of it."""
        with self._environment.begin(buffers=True) as transaction:
            yield transaction


class LmdbImages(Records):
    """The image files that are the values of a database.

    Which they are is decided by its keys:

    - there is `length`, a number: `256-00000`, `256-00001`, ..., of the largest resolution that there is;
    - there is `num-samples`, a number: `image-000000001`, `image-000000002`, ...;
    - else: each is one, in the order of their keys, but for those that tell of others.
    """

    def __init__(self, path: Path) -> None:
        """Check the database and look up what lies where, unless that is known.

        Raises:
            UserError: if there is none, it is damaged, or its values are no images.
        """
        self._path, self._file = path, path / "data.mdb" if os.path.isdir(path) else path
        try:
            self._key = repr(("lmdb", file_state(self._file)))
        except OSError as failure:
            reason = "there is no file" if isinstance(failure, FileNotFoundError) else f"{failure.strerror}:"
            raise UserError(f"{reason} {self._file}") from failure
        index = kept_index([self._key], self._index)
        self._prefix, self._first, self._digits = index["prefix"].tobytes(), *index["numbers"].tolist()[:2]
        self._count = int(index["numbers"][2])
        self._keys, self._ends = index["keys"], index["ends"]
        self.passed_over = Counter(dict(zip(index["others"].tolist(), index["counts"].tolist(), strict=True)))

    def __len__(self) -> int:
        """Number of images."""
        return self._count

    def __str__(self) -> str:
        """The path of the database."""
        return str(self._path)

    def key(self) -> str:
        """The size of the database and when it was written."""
        return self._key

    def name(self, position: int) -> str:
        """The key."""
        return _in_words(self._key_of(position))

    def file(self, position: int) -> PackedFile:
        """The value."""
        try:
            with self._database.reading() as view:
                if (value := view.get(self._key_of(position))) is None:
                    raise OSError("there is no such key")
                refuse_large(len(value))
                return PackedFile(f"{self}/{self.name(position)}", bytes(value))
        except lmdb.Error as problem:
            raise OSError(str(problem)) from problem

    def labels(self) -> Labels:
        """What `label-...` holds, where the key of the image ends alike."""
        if not self._prefix:
            raise UserError(f"labels: no keys of {self} are known to hold labels; name a .npy of them")
        keys = [self._number(position) for position in range(len(self))]
        with self._failing_as_mistakes(), self._database.reading() as view:
            texts = [self._label(view, b"label-" + key) for key in keys]
        return labels_of(texts, str(self))

    def _label(self, view: Any, key: bytes) -> str:
        if (value := view.get(key)) is None:
            raise UserError(f"labels: {self} has no key {_in_words(key)}; `labels` may name a .npy of them instead")
        return label_text(bytes(value[:4096]), lambda: f"{self}/{_in_words(key)}")

    def _key_of(self, position: int) -> bytes:
        if self._prefix:
            return self._prefix + self._number(position)
        return self._keys[self._ends[position] : self._ends[position + 1]].tobytes()

    def _number(self, position: int) -> bytes:
        return f"{self._first + position:0{self._digits}}".encode()

    @cached_property
    def _database(self) -> Database:
        return Database.at(self._file)

    @contextmanager
    def _failing_as_mistakes(self) -> Iterator[None]:
        try:
            yield
        except (lmdb.Error, OSError) as problem:
            raise UserError(f"{self._path}: cannot be read as an LMDB database: {problem}") from problem

    def _index(self) -> dict[str, np.ndarray]:
        """Which keys are images.

        Raises:
            UserError: if the database is damaged, or its values are no images.
        """
        with self._failing_as_mistakes():
            _verify(self._file)
            with self._database.reading() as view:
                return self._layout(view)

    def _layout(self, view: Any) -> dict[str, np.ndarray]:
        if (length := view.get(b"length")) is not None and (sides := list(_sides(view))):
            layout = f"{max(sides)}-".encode(), 0, 5, self._number_in(length, "length")
        elif (length := view.get(b"num-samples")) is not None:
            layout = b"image-", 1, 9, self._number_in(length, "num-samples")
        else:
            return self._all_keys(view)
        prefix, first, digits, count = layout
        for number in (first, first + count - 1):
            if view.get(key := prefix + f"{number:0{digits}}".encode()) is None:
                raise UserError(f"{self._path}: tells of {count:,} images, but has no key {_in_words(key)}")
        others = view.stat()["entries"] - count
        return _arrays(prefix, (first, digits, count), others=Counter({"other keys": others} if others else {}))

    def _all_keys(self, view: Any) -> dict[str, np.ndarray]:
        keys, ends, others = bytearray(), [0], Counter[str]()
        for key in map(bytes, view.cursor().iternext(values=False)):
            if key in OF_OTHERS:
                others[_in_words(key)] += 1
            else:
                keys += key
                ends.append(len(keys))
        count = len(ends) - 1
        if not count:
            raise UserError(f"there are no images in {self._path}: the database is empty")
        some = [bytes(keys[ends[at] : ends[at + 1]]) for at in sorted({0, count // 2, count - 1})]
        if not any(begins_as_image(PackedFile(_in_words(key), bytes(view.get(key) or b""))) for key in some):
            value = shortened(repr(bytes((view.get(some[0]) or b"")[:24])), 60)
            raise UserError(
                f"{self._path}: its values are no image files: that of key {_in_words(some[0])} begins with {value}; "
                "pickled or raw arrays are not read"
            )
        return _arrays(b"", (0, 0, count), np.frombuffer(bytes(keys), np.uint8), np.array(ends, np.int64), others)

    def _number_in(self, value: Any, key: str) -> int:
        text = bytes(value[:40])
        if not text.isdigit() or not 0 < int(text) < 2**48:
            raise UserError(f"{self._path}: key {key} should hold the number of images, not {text!r}")
        return int(text)


def _arrays(
    prefix: bytes,
    numbers: tuple[int, int, int],
    keys: np.ndarray | None = None,
    ends: np.ndarray | None = None,
    others: Counter[str] | None = None,
) -> dict[str, np.ndarray]:
    """An index as it is kept."""
    others = others or Counter()
    return {
        "prefix": np.frombuffer(prefix, np.uint8),
        "numbers": np.array(numbers, np.int64),
        "keys": np.zeros(0, np.uint8) if keys is None else keys,
        "ends": np.zeros(0, np.int64) if ends is None else ends,
        "others": np.array([*others], np.str_),
        "counts": np.array([*others.values()], np.int64),
    }


def _verify(file: Path) -> None:
    """Check every page without LMDB, which a damaged one would crash together with this process.

    Raises:
        UserError: if one is damaged.
    """
    if file.stat().st_size > LARGE:
        warn(f"{file}: checking every page, once")
    try:
        problems = verify.verify(str(file), subdir=False)
    except verify.VerifyError as problem:
        raise UserError(f"{file} is no LMDB database, or damaged: {problem}") from problem
    if problems:
        raise UserError(f"{file} is damaged or cut: {printable(problems[0])}; a whole copy of it is needed")


def _sides(view: Any) -> Iterator[int]:
    """The resolutions that there are images of, by keys such as 256-00000."""
    cursor = view.cursor()
    there = cursor.set_range(b"0")
    while there and (key := bytes(cursor.key())) < b":":
        side, dash, _ = key.partition(b"-")
        if dash and side.isdigit() and len(side) < 6:
            yield int(side)
        there = cursor.set_range(side + b".")  # which comes after all that go on with a dash


def _in_words(key: bytes) -> str:
    """A key as it is shown."""
    return printable(key.decode("utf-8", "backslashreplace"))
