"""What is said of many measurements of one thing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The middle of all measurements, and how far they lie apart."""

    median: float
    quartiles: tuple[float, float]
    runs: tuple[float, ...]
    """The median of each run, in processes of its own."""

    @classmethod
    def of(cls, runs: Sequence[Sequence[float]]) -> Spread:
        """Of measurements by run, one at least in each."""
        together = [value for run in runs for value in run]
        lower = upper = together[0]
        if len(together) > 1:
            lower, _, upper = statistics.quantiles(together, n=4, method="inclusive")
        return cls(statistics.median(together), (lower, upper), tuple(map(statistics.median, runs)))

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return self.mapped(lambda value: value * factor)

    def mapped(self, change: Callable[[float], float]) -> Spread:
        """The same of a monotonic function of each."""
        lower, upper = sorted(map(change, self.quartiles))
        return Spread(change(self.median), (lower, upper), tuple(map(change, self.runs)))
