"""Statistics of features: what the Fréchet distance compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Statistics:
    """First and second moments of the features of a population."""

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
