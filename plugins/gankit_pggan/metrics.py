"""Metrics; neither needs a network that has learned what images look like."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples


class SlicedWasserstein(Metric):
    """SWD: how far patches of generated images are from those of reals (Karras et al. 2018, section 5).

    The sliced Wasserstein distance, times 1,000 as in the paper, between 7x7 patches of a Laplacian pyramid: 128 of
    each image and level, projected onto 512 directions. Levels halve from the stage's resolution down to 16. Below 16,
    where the paper has none, the images themselves are the only level; patches of images below 7 pixels are as large
    as fits. The first 16,384 images of each kind take part, or as many as there are of both. Lower is better.

    It sees noise, blur and wrong textures, each at its level, and missing classes a little. As every channel is brought
    to one mean and deviation, it is blind to brightness, contrast and tint that are off in all images alike. It is
    blind to which patches come together in an image, and to copies of the reals.
    """

    needs = frozenset({"images"})
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """One image is no distribution."""
        if experiment.evaluation.images < 2:
            yield "this compares how images vary, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """`swd_` followed by the level's height for each, and their mean, `swd`."""
        from gankit_pggan.sliced_wasserstein import sliced_wasserstein

        generated, real = samples.generated.images, samples.real.images
        count = min(16_384, len(generated), len(real))
        levels = sliced_wasserstein(drawn(generated, count), drawn(real, count))
        numbers = {f"swd_{height}": 1000 * distance for height, distance in levels.items()}
        return numbers | {"swd": sum(numbers.values()) / len(numbers)}


class MultiScaleSimilarity(Metric):
    """MS-SSIM: how similar generated images are to each other, 1 if they are all the same (Odena et al. 2017).

    The mean multi-scale structural similarity (Wang et al. 2003) of 10,000 random pairs of generated images, as in
    Karras et al. 2018, section 5. There are five scales, or as many as leave a pixel. Lower means more varied, and
    the reals' own number, `ms_ssim_floor`, is what to aim at: less than that is not better.

    It sees collapse onto few images or classes. It is blind to quality, since noise is the most varied of all, to the
    reals, which it does not compare with, and to collapse onto more images than ever come to meet in a pair.
    """

    needs = frozenset({"images"})
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A pair is two images."""
        if experiment.evaluation.images < 2:
            yield "this compares images in pairs, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `ms_ssim`; NaN if there is but one image, as a floor among two reals has."""
        from gankit_pggan.structural_similarity import mean_similarity, random_pairs

        images = samples.generated.images
        return {"ms_ssim": mean_similarity(images, random_pairs(len(images))) if len(images) > 1 else math.nan}


def drawn(images: Tensor, count: int) -> Tensor:
    """At most `count` of the images in random order, always the same: they may have come class by class."""
    import torch

    from gankit.data.images import permutation

    return images[torch.from_numpy(permutation(len(images), 0)[:count].copy())]
