"""Features of images: filled batch by batch in one pass, those of reals kept on disk between runs."""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED

import numpy as np

from gankit.core.cache import cache_folder
from gankit.core.errors import UserError
from gankit.core.memory import too_large_for_disk
from gankit.evaluation.statistics import RunningStatistics, Statistics

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IN_MEMORY = 2**27
"""Arrays of more bytes than that are kept in a temporary file, or read from the disk where they lie."""
KEPT = ("features", "logits", "labels")
"""Arrays that are kept on disk."""


class FeatureStore:
    """Arrays [count, ...] by name, made when their first batch comes, so that no second copy is ever held."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._arrays: dict[str, np.ndarray] = {}
        self.filled = 0
        """Images so far."""
        self.statistics: Statistics | None = None
        """Mean and covariance of the features, if they were asked for."""

    def add(self, images: int, batch: Mapping[str, Tensor]) -> None:
        """Append what is kept of so many images; always the same names."""
        after = self.filled + images
        for name, part in batch.items():
            if name not in self._arrays:
                self._arrays[name] = _empty((self._count, *part.shape[1:]), _dtype(part))
            if after <= self._count:
                self._arrays[name][self.filled : after] = part.cpu().numpy()
        self.filled = after

    def put(self, name: str, array: np.ndarray) -> None:
        """Set a whole array at once."""
        self._arrays[name] = array
        self.filled = len(array)

    def array(self, name: str) -> np.ndarray | None:
        """One of the arrays; None if it was not kept."""
        return self._arrays.get(name)

    def tensor(self, name: str) -> torch.Tensor:
        """One of the arrays, which must have been kept."""
        import torch

        return torch.from_numpy(self._arrays[name])

    @property
    def images(self) -> np.ndarray | None:
        """The images as extractors see them, uint8 [count, 3, H, W], if they were kept."""
        return self.array("images")

    @property
    def labels(self) -> np.ndarray | None:
        """Classes, int64 [count], if there are any."""
        return self.array("labels")

    def taken(self, chosen: np.ndarray, statistics: bool) -> FeatureStore:
        """The rows `chosen` of every array but the images, and their statistics if asked for."""
        import torch

        taken = FeatureStore(len(chosen))
        for name, array in self._arrays.items():
            if name != "images":
                taken.put(name, array[chosen])
        if statistics:
            running = RunningStatistics()
            for part in torch.from_numpy(self._arrays["features"][chosen]).split(4096):
                running.add(part)
            taken.statistics = running.result()
        return taken


def _dtype(part: Tensor) -> np.dtype:
    return np.dtype(str(part.dtype).removeprefix("torch."))


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Room for an array; if it is large, in a file that is gone with the process.

    Raises:
        UserError: if there is none.
    """
    if (size := math.prod(shape) * dtype.itemsize) <= IN_MEMORY:
        return np.empty(shape, dtype)
    what = f"what is kept of {shape[0]:,} images would"  # asked first: half of it would end the process
    if lack := too_large_for_disk(what, size, Path(tempfile.gettempdir())):
        raise UserError(f"{lack}; lower evaluation.images, or --images")
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, mode="w+", shape=shape)


def load_features(content: Mapping[str, Any], count: int, needs: Set[str]) -> FeatureStore | None:
    """What was stored for `content`; None if there is nothing that can be read and holds all that is needed."""
    try:
        with np.load(_path(content), allow_pickle=False) as file:
            if str(file["content"]) != _text(content) or not needs <= set(file["kept"].tolist()):
                return None
            seen = FeatureStore(count)
            for name in KEPT:
                if name in file and (name in needs or name == "labels"):
                    seen.put(name, _read(file, name))
            if "statistics" in needs:
                seen.statistics = Statistics(int(file["count"]), file["mean"], file["covariance"])
    except Exception:  # missing, or damaged in one of the dozen ways in which reading an archive can fail
        return None
    return seen if _is_sound(seen, count) else None


def _read(archive: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    """An array of an archive of arrays; a large one is mapped from where it lies, which numpy does for bare arrays."""
    packed = archive.zip
    assert packed is not None
    entry = packed.getinfo(f"{name}.npy")
    if entry.file_size <= IN_MEMORY or entry.compress_type != ZIP_STORED:
        return archive[name]
    with Path(str(packed.filename)).open("rb") as file:
        file.seek(entry.header_offset + 26)  # in front of the entry, where the lengths of its name and extras stand
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)
        if (version := np.lib.format.read_magic(file)) != (1, 0):
            raise ValueError(f"an array of version {version}")
        shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(file, dtype, "c", file.tell(), shape, "F" if in_columns else "C")


def store_features(content: Mapping[str, Any], seen: FeatureStore) -> None:
    """Keep `seen` for `content`, in one move so that no reader sees half a file; do without if that fails."""
    arrays = {name: array for name in KEPT if (array := seen.array(name)) is not None}
    statistics = {} if seen.statistics is None else vars(seen.statistics)
    kept = [*(name for name in arrays if name != "labels"), *(["statistics"] if statistics else [])]
    try:
        path = _path(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file, content=np.array(_text(content)), kept=np.array(kept, dtype=np.str_), **arrays, **statistics
                )
            os.replace(unfinished, path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError):  # a full or read-only disk, or no home folder, costs the next run time, no more
        return


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


def _path(content: Mapping[str, Any]) -> Path:
    key = hashlib.blake2b(_text(content).encode(), digest_size=16).hexdigest()
    return cache_folder() / "reals" / f"{key}.npz"


def _is_sound(seen: FeatureStore, count: int) -> bool:
    """Whether shapes and types are those of what was seen of so many images."""
    arrays = [array for name in KEPT if (array := seen.array(name)) is not None]
    if any(len(array) != count for array in arrays) or any(array.dtype.hasobject for array in arrays):
        return False
    if seen.statistics is None:
        return True
    mean, covariance = seen.statistics.mean, seen.statistics.covariance
    width = mean.size
    shapes = mean.shape == (width,) and covariance.shape == (width, width) and seen.statistics.count == count
    return shapes and mean.dtype == covariance.dtype == np.float64
