"""Arrays as they lie in .npy, .npz and .safetensors, whose headers are believed no more than the files are long."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gankit import UserError
from gankit.core.files import parse_json, refuse_irregular
from gankit.core.memory import too_large
from gankit.core.text import first_of, printable

SAFETENSORS = {
    "BOOL": "?",
    **{f"U{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"I{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}
"""Its types of numbers that numpy has."""
LONGEST_HEADER = 10**8
"""Bytes; safetensors itself reads no more."""
MOST_NAMED = 12
"""Arrays that are named."""


class _Form(NamedTuple):
    """What a header says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns_first: bool = False
    """Whether numbers that are neighbours lie in different rows, as Fortran has them."""

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


class StoredArray:
    """An array of which some rows are read at a time.

    It is read and not mapped, as a file that is cut short while it is mapped ends the process.
    """

    def __init__(self, path: Path, name: str | None) -> None:
        """Read the header; of a .npz all that there is.

        Args:
            path: .npy, .npz or .safetensors.
            name: Which of several arrays.

        Raises:
            UserError: if it cannot be read, or there is no such array.
        """
        self.path = path
        self._numbers: np.ndarray | None = None
        self._start = 0
        try:
            refuse_irregular(path)
            with path.open("rb") as file:
                there = os.fstat(file.fileno())
                self.state = there.st_size, there.st_mtime_ns
                """Size and date of the file when it was opened."""
                form = self._opened(file, name)
        except MemoryError as lack:
            raise UserError(f"{path} does not fit into memory; save its images as .npy") from lack
        except OSError as failure:
            raise UserError(f"{path}: cannot be read: {failure.strerror or failure}") from failure
        self.shape, self.dtype = form.shape, form.dtype

    def _opened(self, file: BinaryIO, name: str | None) -> _Form:
        """Find where the numbers begin."""
        match self.path.suffix.lower():
            case ".npy":
                form = _npy_header(file, str(self.path))
            case ".safetensors":
                form = self._in_safetensors(file, name)
            case ".npz":
                return self._in_npz(file, name)
            case _:
                raise UserError(f"{self.path}: arrays are read from .npy, .npz and .safetensors")
        self._start = file.tell()
        missing = self._start + form.size - self.state[0]
        if missing > 0:
            raise UserError(f"{self.path} is cut short: {missing:,} bytes are missing of {form.dtype} {[*form.shape]}")
        if form.columns_first and form.size:
            self._numbers = np.memmap(file, form.dtype, "r", self._start, form.shape, order="F")
        return form

    def _in_safetensors(self, file: BinaryIO, name: str | None) -> _Form:
        """The form of one of its arrays, at which the file then stands."""
        try:
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(length if length <= LONGEST_HEADER else 0))
            described = {key: value for key, value in header.items() if key != "__metadata__"}
        except (ValueError, AttributeError) as problem:
            raise UserError(f"{self.path} is no .safetensors: its header cannot be read") from problem
        said = described[_among(described, name, self.path)]
        try:
            (start, end), shape, kind = said["data_offsets"], tuple(said["shape"]), str(said["dtype"])
            if kind not in SAFETENSORS:
                raise UserError(f"{self.path}: its numbers are {kind:.20}, which numpy lacks; save them as F32")
            form = _Form(np.dtype(SAFETENSORS[kind]), shape)
            if not _is_shape(shape) or type(start) is not int or not 0 <= start == end - form.size:
                raise ValueError
        except (LookupError, TypeError, ValueError) as problem:
            raise UserError(f"{self.path} is damaged: its header says nothing sound of {name!r}") from problem
        file.seek(8 + length + start)
        return form

    def _in_npz(self, file: BinaryIO, name: str | None) -> _Form:
        """One of its arrays, read as a whole."""
        try:
            with zipfile.ZipFile(file) as archive:
                names = [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]
                member = f"{_among(names, name, self.path)}.npy"
                with archive.open(member) as packed:
                    form = _npy_header(packed, f"{self.path}/{member}")
                    if lack := too_large(f"the numbers of {self.path}", form.size):
                        raise UserError(f"{lack}; save its images as .npy")
                    content = packed.read(form.size)
        except (UserError, MemoryError):
            raise
        except Exception as problem:  # archives fail in many ways
            raise UserError(f"{self.path} is no .npz, or is damaged: {printable(str(problem))}") from problem
        if len(content) < form.size:
            missing = form.size - len(content)
            raise UserError(f"{self.path} is damaged: {missing:,} bytes are missing of {form.dtype} {[*form.shape]}")
        order = "F" if form.columns_first else "C"
        self._numbers = np.frombuffer(content, form.dtype).reshape(form.shape, order=order)
        return form

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Some of what the first axis counts.

        Raises:
            UserError: if they cannot be read any more.
        """
        if self._numbers is not None:
            return np.asarray(self._numbers[start:stop])
        shape = (stop - start, *self.shape[1:])
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            with self.path.open("rb") as file:
                file.seek(self._start + start * row)
                content = file.read(row * (stop - start))
        except OSError as failure:
            raise UserError(f"{self.path}: cannot be read: {failure.strerror or failure}") from failure
        if len(content) < row * (stop - start):
            raise UserError(f"{self.path} was cut short while it was read")
        return np.frombuffer(content, self.dtype).reshape(shape)


def _npy_header(file: Any, place: str) -> _Form:
    """The form of the array of a .npy, whose numbers follow.

    Raises:
        UserError: if it is none, or one of other things than numbers.
    """
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as problem:
        raise UserError(f"{place} is no array: it does not begin as a .npy does") from problem
    try:
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, columns_first, dtype = read(file)
    except MemoryError:
        raise
    except Exception as problem:  # it is Python that is parsed
        raise UserError(f"{place} is no array, or is damaged: its header cannot be read") from problem
    if dtype.hasobject:
        raise UserError(f"{place} holds Python objects, which are never unpickled; save numbers")
    if not _is_shape(shape) or not dtype.itemsize:
        raise UserError(f"{place} is damaged: its header says {dtype} {[*shape]}")
    return _Form(dtype, shape, columns_first)


def _is_shape(shape: Sequence[Any]) -> bool:
    return all(type(length) is int and 0 <= length < 2**62 for length in shape)


def _among(names: Collection[str], name: str | None, path: Path) -> str:
    """The name of an array, if it is among those that there are."""
    if name is None or name not in names:
        raise UserError(f"{path} has no array {name!r}; there are {first_of(names, MOST_NAMED) or 'none'}")
    return name
