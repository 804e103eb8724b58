"""Metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Metric

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples


class NeighborMetric(Metric):
    """What counts images in balls around others, which reach to one of their nearest neighbours."""

    needs = frozenset({"features"})
    bootstraps = False
    higher_is_better = True
    has_floor = True

    neighbors: int = Field(ge=1)
    """Which nearest neighbour the balls reach to."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Every image needs neighbours."""
        images, least = experiment.evaluation.images, self.neighbors + 1
        if images < least:
            said = f"none of {images} images has {self.neighbors} neighbours"
            yield f"evaluation.images: {said}; give at least {least}, or fewer neighbors"


class PrecisionRecall(NeighborMetric):
    """How many generated images could be real, and how many reals could be generated (Kynkäänniemi et al. 2019).

    A set of images covers balls in the space of features, one around each image, that reach to its nearest neighbour
    number `neighbors`. `precision` is the share of generated images in balls of reals, `recall` the share of reals in
    balls of generated images. Higher is better; both fall as the images get fewer.

    Precision sees noise and blur, recall missing classes and repeated images. Precision is blind to collapse onto a
    few good images, and both are blind to copies of the reals. One odd image with a large ball deceives either.
    """

    neighbors: int = Field(default=3, ge=1)

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `precision` and `recall`; NaN if there are not enough reals for so many neighbours."""
        import torch

        from gankit_prdc.neighbors import balls_around, radii

        generated, real = samples.generated.features, samples.real.features
        if min(len(generated), len(real)) <= self.neighbors:
            return {"precision": math.nan, "recall": math.nan}
        realistic = balls_around(generated, real, radii(real, self.neighbors), torch.le) > 0
        covered = balls_around(real, generated, radii(generated, self.neighbors), torch.le) > 0
        return {"precision": realistic.double().mean().item(), "recall": covered.double().mean().item()}


class DensityCoverage(NeighborMetric):
    """How densely reals surround generated images, and how many reals have one near (Naeem et al. 2020).

    Both count in balls around reals that reach to their nearest neighbour number `neighbors`: `density` is the mean
    number of balls that a generated image lies in, over `neighbors`, and `coverage` the share of balls that hold a
    generated image. Higher is better. Reals reach a density of about 1, and it goes on rising above it as generated
    images crowd where reals are dense; coverage is at most 1.

    Unlike precision and recall they are hardly deceived by odd images. Density sees noise and blur, coverage missing
    classes and repeated images. Density is blind to collapse, and both are blind to copies of the reals.
    """

    neighbors: int = Field(default=5, ge=1)

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `density` and `coverage`; NaN if there are not enough reals for so many neighbours."""
        import torch

        from gankit_prdc.neighbors import balls_around, nearest, radii

        generated, real = samples.generated.features, samples.real.features
        if len(real) <= self.neighbors:
            return {"density": math.nan, "coverage": math.nan}
        radius = radii(real, self.neighbors)
        balls = balls_around(generated, real, radius, torch.lt)
        covered = nearest(real, generated, 1)[:, 0] < radius
        return {"density": balls.double().mean().item() / self.neighbors, "coverage": covered.double().mean().item()}


class Realism(NeighborMetric):
    """How deep generated images lie among reals, one by one (Kynkäänniemi et al. 2019, section 5, equation 3).

    The realism of an image g is the largest over reals r of |r - r_k| / |g - r|, where r_k is the nearest neighbour
    number `neighbors` of r among the reals, in the space of features: 1 or more in one of the balls that `precision`
    counts in. The half of the balls with the larger radii is left out, which reach far where reals are few. `realism`
    is the mean over the images, `realism_share` the share of those at 1 or more. Higher is better. An image at exactly
    the features of a real would be at infinity; it counts as a million.

    It sees noise and blur, and not only whether images leave the reals but how far. It is blind to collapse onto a few
    good images, and to copies of the reals, which raise it: a few of them decide the mean, but not the share. Both rise
    as the reals get fewer, and the floors show what other reals reach.
    """

    neighbors: int = Field(default=3, ge=1)

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `realism` and `realism_share`; NaN if there are not enough reals for so many neighbours."""
        from gankit_prdc.neighbors import largest_ratio, radii

        generated, real = samples.generated.features, samples.real.features
        if len(real) <= self.neighbors:
            return {"realism": math.nan, "realism_share": math.nan}
        radius = radii(real, self.neighbors)
        small = radius <= radius.quantile(0.5)
        realism = largest_ratio(generated, real[small], radius[small])
        return {"realism": realism.mean().item(), "realism_share": (realism >= 1).double().mean().item()}
