"""Metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config import Experiment
    from gankit.evaluation.samples import Samples
    from gankit.evaluation.statistics import Statistics


class FrechetDistance(Metric):
    """FID: how far generated images are from reals, both at the stage's resolution (Heusel et al. 2017).

    The squared Fréchet distance between two normal distributions with the means and covariances of the features. Lower
    is better, and what is left between reals and other reals is `fid_floor`. It falls with the number of images, so
    only numbers of equal protocol compare, and only at one resolution.
    """

    needs = frozenset({"statistics"})
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has no covariance."""
        if experiment.evaluation.images < 2:
            yield "this compares how images vary, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid`."""
        return {"fid": frechet_distance(samples.generated.statistics, samples.real.statistics)}


class FullFrechetDistance(FrechetDistance):
    """FID against reals at the final resolution, where `fid` compares at the stage's.

    It tells how far a stage still is from the goal: `fid_full_floor` is what reals at the stage's resolution reach.
    """

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_full`."""
        return {"fid_full": frechet_distance(samples.generated.statistics, samples.real_full.statistics)}


class BlurredFrechetDistance(Metric):
    """FID of held-out reals that were blurred, against other reals: a yardstick to read FIDs of generated images by."""

    needs = frozenset({"statistics"})
    yardstick = True

    sigma: float = Field(default=0.6, gt=0)
    """Standard deviation of the Gaussian blur, in pixels of the stage's resolution."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has no covariance."""
        if experiment.evaluation.images < 2:
            yield "this compares how images vary, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_blurred_` followed by sigma."""
        blurred = samples.generated.mapped(f"gaussian blur, sigma {self.sigma}", self.blurred)
        return {f"fid_blurred_{self.sigma:g}": frechet_distance(blurred.statistics, samples.real.statistics)}

    def blurred(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] after the blur, mirrored at their edges as scipy.ndimage.gaussian_filter does."""
        import numpy as np
        import torch
        from scipy.ndimage import gaussian_filter1d

        rows, columns = (
            torch.from_numpy(gaussian_filter1d(np.eye(size), self.sigma, axis=0)).to(images)
            for size in images.shape[2:]
        )
        return rows @ images @ columns.t()


class InceptionScore(Metric):
    """IS: how surely each generated image is classified, and how many classes there are (Salimans et al. 2016).

    The mean over `splits` parts, `is`, and its standard deviation, `is_std`. Higher is better; it sees no reals.
    """

    needs = frozenset({"logits"})
    higher_is_better = True

    splits: int = Field(default=10, ge=1)
    """Parts into which the images are divided at random."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Every part must get an image."""
        images = experiment.evaluation.images
        if images < self.splits:
            yield f"evaluation.images: {images} images cannot be divided into {self.splits} splits"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `is` and `is_std`."""
        from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

        score = isc_features_to_metric(samples.generated.logits, self.splits)
        return {"is": score[KEY_METRIC_ISC_MEAN], "is_std": score[KEY_METRIC_ISC_STD]}


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """The squared Fréchet distance of two normal distributions, by torch-fidelity's formula.

    Rounding may take that of nearly equal ones below zero; they are at 0 then. NaN if either holds a NaN or an
    infinity, as a single image's covariance does.
    """
    import numpy as np
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    if not all(np.isfinite(part).all() for part in (one.mean, one.covariance, other.mean, other.covariance)):
        return math.nan
    first, second = ({"mu": some.mean, "sigma": some.covariance} for some in (one, other))
    return max(0.0, fid_statistics_to_metric(first, second, verbose=False)[KEY_METRIC_FID])
