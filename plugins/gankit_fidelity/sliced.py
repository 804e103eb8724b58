"""The distance of features along random directions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Metric

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples

SCALE = 3
"""Times the number of features, by which the distance is multiplied; the authors' choice."""
PROJECTIONS = 2**23
"""Of each set that are held at a time, 64 MiB in float64."""


class MongeInceptionDistance(Metric):
    """MIND: how far generated images are from reals along random directions (Berthet et al. 2026, arXiv 2605.06797).

    3 D times the mean over `projections` directions u, evenly distributed on the sphere, of the squared 2-Wasserstein
    distance between the numbers u x of generated images and those of reals, where x are features of D numbers. Of as
    many images as reals that is the mean square difference of both in rising order. Lower is better, and what is left
    between reals and other reals is `mind_floor`.

    It sees what FID sees, and differences beyond mean and covariance, in which images may be made to agree; its authors
    find 5,000 images to tell as much as 50,000 do by FID. It is blind to copies. It falls as images get more, as FID
    does, so that only numbers of equal protocol compare.
    """

    needs = frozenset({"features"})
    bootstraps = False
    has_floor = True

    projections: int = Field(default=1000, ge=1, le=1_000_000)
    """Directions, always the same."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has no distribution."""
        if experiment.evaluation.images < 2:
            yield "this compares how images are distributed, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `mind`."""
        return {"mind": monge_distance(samples.generated.features, samples.real.features, self.projections)}


def monge_distance(one: Tensor, other: Tensor, projections: int, at_a_time: int = PROJECTIONS) -> float:
    """The squared sliced 2-Wasserstein distance of two sets of features, times 3 D.

    Args:
        one: Features [N, D].
        other: Features [M, D].
        projections: How many directions; drawn without touching torch's generators.
        at_a_time: Numbers of projected features of each set that are held; the result does not depend on it.
    """
    import torch

    width = one.shape[1]
    drawn = torch.randn(projections, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = torch.nn.functional.normalize(drawn, dim=1)
    total = 0.0
    for some in directions.split(max(1, at_a_time // max(len(one), len(other)))):
        total += wasserstein(*(_projected(features, some) for features in (one, other))).sum()
    return float(SCALE * width * total / projections)


def _projected(features: Tensor, directions: Tensor) -> np.ndarray:
    """Features [N, D] along directions [K, D], in float64 and in rising order, [K, N]."""
    import torch

    numbers = torch.empty(len(directions), len(features), dtype=torch.float64)
    for part, some in zip(numbers.split(4096, dim=1), features.split(4096), strict=True):
        part[:] = directions @ some.double().t()
    rising = numbers.numpy()
    rising.sort(axis=1)
    return rising


def wasserstein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The squared 2-Wasserstein distance [K] of N equally likely numbers and M such, both [K, ...] in rising order.

    It is the integral over p from 0 to 1 of the squared difference of their quantiles, which change at the multiples of
    1 / N and of 1 / M.
    """
    import numpy as np

    count, others = one.shape[1], other.shape[1]
    if count == others:
        return ((one - other) ** 2).mean(1)
    steps = np.union1d(np.arange(count) * others, np.arange(others) * count)  # of 1 / (N M), where both are whole
    lengths = np.diff(steps, append=count * others) / (count * others)
    return ((one[:, steps // others] - other[:, steps // count]) ** 2) @ lengths
