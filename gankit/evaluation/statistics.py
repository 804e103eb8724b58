"""Statistics of features: what the Fréchet distance compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gankit.evaluation.names import SEEDS_STD, is_spread

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Statistics:
    """First and second moments of the features of an image set."""

    count: int
    """Number of images."""
    mean: np.ndarray
    """float64 [D]."""
    covariance: np.ndarray
    """float64 [D, D], unbiased; NaN for a single image."""


class RunningStatistics:
    """Count, sum and sum of outer products of features in float64, batch by batch."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: Tensor | None = None
        self._outer: Tensor | None = None

    def add(self, features: Tensor) -> None:
        """Count in features [n, D]."""
        batch = (features.cpu() if features.device.type == "mps" else features).double()  # mps has no float64
        total, outer = batch.sum(0), batch.t() @ batch
        self._sum = total if self._sum is None else self._sum + total
        self._outer = outer if self._outer is None else self._outer + outer
        self.count += len(batch)

    def result(self) -> Statistics:
        """Mean and unbiased covariance; of a single image the covariance is NaN.

        Raises:
            ValueError: if nothing was counted in.
        """
        if self._sum is None or self._outer is None:
            raise ValueError("there are no statistics of no images")
        mean = self._sum.cpu().numpy() / self.count
        if self.count < 2:
            return Statistics(self.count, mean, np.full(self._outer.shape, np.nan))
        scatter = self._outer.cpu().numpy() - self.count * np.outer(mean, mean)
        return Statistics(self.count, mean, scatter / (self.count - 1))


RESAMPLING = 2
"""Names the draws of the bootstrap among all that depend on a seed."""


class Number(NamedTuple):
    """A metric's number and how it was come by."""

    value: float
    protocol: dict[str, Any]


def means(of_seeds: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """The mean over the seeds of each number that all of them have; a class may be too rare in the images of one."""
    return {
        name: Number(float(np.mean([numbers[name].value for numbers in of_seeds])), of_seeds[0][name].protocol)
        for name in in_all(of_seeds)
    }


def spreads(of_seeds: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """The standard deviation of each number over the seeds, if there are several."""
    if len(of_seeds) < 2:
        return {}
    return {
        name + SEEDS_STD: Number(
            float(np.std([each[name].value for each in of_seeds], ddof=1)), of_seeds[0][name].protocol
        )
        for name in in_all(of_seeds)
        if not is_spread(name, of_seeds[0])
    }


def in_all(numbers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names that come each time, in the order of the first."""
    return [name for name in numbers[0] if all(name in others for others in numbers[1:])]


@lru_cache(maxsize=256)
def bootstrap_sample(count: int, seed: int, number: int) -> np.ndarray:
    """`count` positions drawn from as many with replacement, int64 [count]; another draw for each `number`."""
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(RESAMPLING, number))).random_raw(count)
    return (bits % np.uint64(count)).astype(np.int64)
