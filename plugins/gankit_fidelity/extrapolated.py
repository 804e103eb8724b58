"""FID as it would be of infinitely many generated images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Metric

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples
    from gankit.evaluation.statistics import Statistics


class ExtrapolatedFrechetDistance(Metric):
    """FID-infinity: FID extrapolated to infinitely many generated images (Chong & Forsyth 2020, section 3).

    FID is biased by about b / N, where b depends on the generator, so that N images may rank two generators wrongly. It
    is computed of `points` numbers of images evenly spaced from the share `least` of all up to all, each drawn anew
    without replacement and compared with all reals; a line fitted to it over 1 / N by least squares meets 1 / N = 0 at
    `fid_infinity`. Lower is better. Rounding and draws may bring it below 0 where images are as good as reals.

    It sees what `fid` sees, at nearly the same number whatever `evaluation.images` are, if the fewest are more than the
    features have numbers: else FID is no line over 1 / N. It is blind to copies, as FID is. The bias by the number of
    reals is left in it, and so `fid_infinity_floor` is above 0. The protocol still names the number of images.
    """

    needs = frozenset({"features", "statistics"})
    bootstraps = False
    has_floor = True

    points: int = Field(default=15, ge=2, le=1000)
    """At how many numbers of images FID is computed."""
    least: float = Field(default=0.1, gt=0, lt=1)
    """The smallest of them, as a share of all images."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Even the fewest images must vary."""
        images = experiment.evaluation.images
        if int(self.least * images) < 2:
            enough = math.ceil(2 / self.least)
            fewest = f"the fewest images that are compared, {self.least:g} of {images}, must be at least 2"
            yield f"evaluation.images: {fewest}; give at least {enough}, or a larger `least`"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_infinity`; NaN if there is but one real, or if the fewest generated images are below two."""
        import numpy as np

        features, real = samples.generated.features, samples.real.statistics
        if int(self.least * len(features)) < 2 or real.count < 2:
            return {"fid_infinity": math.nan}
        counts = sizes(len(features), self.points, self.least)
        distance = DistanceFrom(real)
        found = [distance.to(drawn(features, count, point)) for point, count in enumerate(counts)]
        if not np.isfinite(found).all():
            return {"fid_infinity": math.nan}
        _, where_it_meets_0 = np.polyfit(1 / np.array(counts), found, 1)
        return {"fid_infinity": float(where_it_meets_0)}


def sizes(images: int, points: int, least: float) -> list[int]:
    """Numbers of images, evenly spaced from the share `least` of all of them up to all; the first is below the last."""
    import numpy as np

    return [int(size) for size in np.linspace(int(least * images), images, points).round()]


def drawn(features: Tensor, count: int, point: int) -> Statistics:
    """Statistics of `count` of the features [N, D], always the same ones, others for each `point`."""
    import torch

    from gankit.data.images import permutation
    from gankit.evaluation.statistics import RunningStatistics

    running = RunningStatistics()
    for some in torch.from_numpy(permutation(len(features), 0, point)[:count].copy()).split(4096):
        running.add(features[some])
    return running.result()


class DistanceFrom:
    """Squared Fréchet distances of normal distributions from one and the same.

    The trace of the root of S R is that of the root of R^1/2 S R^1/2, which is symmetric; R^1/2 is computed once.
    """

    def __init__(self, reference: Statistics) -> None:
        self._reference = reference

    def to(self, other: Statistics) -> float:
        """The distance; NaN if either holds a NaN or an infinity."""
        import numpy as np

        if not np.isfinite(self._root).all() or not np.isfinite(other.covariance).all():
            return math.nan
        between = np.linalg.eigvalsh(self._root @ other.covariance @ self._root).clip(0)
        apart = self._reference.mean - other.mean
        spread = np.trace(self._reference.covariance) + np.trace(other.covariance)
        return float(apart @ apart + spread - 2 * np.sqrt(between).sum())

    @cached_property
    def _root(self) -> np.ndarray:
        """The symmetric root of the reference's covariance, [D, D]; NaN if that is not finite."""
        import numpy as np

        if not np.isfinite(self._reference.covariance).all():
            return np.full_like(self._reference.covariance, np.nan)
        values, vectors = np.linalg.eigh(self._reference.covariance)
        return (vectors * np.sqrt(values.clip(0))) @ vectors.T
