"""A metric's numbers over several seeds, and what their errors are estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gankit.evaluation.names import SEEDS_STD, is_spread

RESAMPLING = 2
"""Names the draws of the bootstrap among all that depend on a seed."""


class Number(NamedTuple):
    """A metric's number and how it was come by."""

    value: float
    protocol: dict[str, Any]


def means(of_seeds: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """The mean of each number over the seeds."""
    return {
        name: Number(float(np.mean([numbers[name].value for numbers in of_seeds])), number.protocol)
        for name, number in of_seeds[0].items()
    }


def spreads(of_seeds: Sequence[dict[str, Number]]) -> dict[str, Number]:
    """The standard deviation of each number over the seeds, if there are several."""
    if len(of_seeds) < 2:
        return {}
    return {
        name + SEEDS_STD: Number(float(np.std([each[name].value for each in of_seeds], ddof=1)), number.protocol)
        for name, number in of_seeds[0].items()
        if not is_spread(name, of_seeds[0])
    }


@lru_cache(maxsize=256)
def resample(count: int, seed: int, number: int) -> np.ndarray:
    """`count` positions drawn from as many with replacement, int64 [count]; another draw for each `number`."""
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(RESAMPLING, number))).random_raw(count)
    return (bits % np.uint64(count)).astype(np.int64)
