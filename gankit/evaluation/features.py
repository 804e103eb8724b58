"""What one pass over a population keeps: arrays that are filled batch by batch."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from gankit.evaluation.statistics import RunningStatistics, Statistics

if TYPE_CHECKING:
    import torch
    from torch import Tensor

IN_MEMORY = 2**30
"""Images of more bytes than that are kept in a temporary file."""


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
    """Room for an array; in a file that is gone with the process if it is large."""
    if dtype != np.uint8 or np.prod(shape) <= IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, mode="w+", shape=shape)
