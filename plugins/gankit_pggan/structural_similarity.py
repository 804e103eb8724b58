"""Multi-scale structural similarity (Wang et al. 2003), as it measures variety (Odena et al. 2017)."""

from __future__ import annotations

from math import ceil

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor  # noqa: TID253

from gankit.data.images import images_at_a_time, permutation

PAIRS = 10_000
"""Of images that are compared, as in Karras et al. 2018."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, from the images themselves down."""
WINDOW = 11
"""Width of the Gaussian window in pixels; in a smaller image, its shorter side."""
SIGMA = 1.5
"""Standard deviation of the window at its full width, and as much less as the window is narrower."""
STABLE = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)
"""What keeps the comparisons of means and of deviations from dividing by zero."""


def mean_similarity(images: Tensor, pairs: Tensor, at_a_time: int | None = None) -> float:
    """Mean similarity of the two images of each pair.

    Args:
        images: uint8 [N, C, H, W].
        pairs: Their positions, int64 [P, 2].
        at_a_time: Pairs in one go; the result does not depend on it.
    """
    batches = pairs.split(at_a_time or images_at_a_time(images.shape[2]))
    return torch.cat([similarity(*images[some.t()].double()) for some in batches]).mean().item()


def random_pairs(images: int, pairs: int = PAIRS) -> Tensor:
    """Pairs of unlike positions below `images`, int64 [P, 2]: `pairs` of them, or as many as there are to be had.

    They are always the same, and every image comes equally often, as far as that is possible.
    """
    pairs = min(pairs, images * (images - 1) // 2)
    in_a_round = images // 2
    rounds = [permutation(images, 0, number)[: 2 * in_a_round] for number in range(ceil(pairs / in_a_round))]
    return torch.from_numpy(np.concatenate(rounds).reshape(-1, 2)[:pairs])


def similarity(one: Tensor, other: Tensor) -> Tensor:
    """Multi-scale structural similarity of each image with its like in another set, [N], 1 if they are equal.

    Scales are halved by means of 2x2 pixels, five times or as long as a pixel is left; the weights of those that are
    left out go to the others. Negative similarities count as 0. Images are [N, C, H, W] of 0 to 255.
    """
    scales = min(len(WEIGHTS), min(one.shape[2:]).bit_length())
    product = torch.ones(len(one), dtype=one.dtype)
    for scale in range(scales):
        if scale:
            one, other = F.avg_pool2d(one, 2), F.avg_pool2d(other, 2)
        means, structure = compared(one, other)
        seen = means * structure if scale == scales - 1 else structure
        weight = WEIGHTS[scale] * sum(WEIGHTS) / sum(WEIGHTS[:scales])
        product *= seen.mean((1, 2, 3)).clamp_min(0) ** weight
    return product


def compared(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """How alike are the means of two images in a window around each pixel, and how alike what deviates from them."""
    window = gaussian(min(WINDOW, *one.shape[2:])).to(one)
    first, second = averaged(one, window), averaged(other, window)
    variances = averaged(one**2, window) - first**2 + averaged(other**2, window) - second**2
    covariance = averaged(one * other, window) - first * second
    of_means, of_deviations = STABLE
    means = (2 * first * second + of_means) / (first**2 + second**2 + of_means)
    return means, (2 * covariance + of_deviations) / (variances + of_deviations)


def gaussian(width: int) -> Tensor:
    """Weights [width] of the window, in float64; they add up to 1."""
    places = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    weights = torch.exp(-0.5 * (places / (SIGMA * width / WINDOW)) ** 2)
    return weights / weights.sum()


def averaged(images: Tensor, window: Tensor) -> Tensor:
    """Weighted means [N, C, H - w + 1, W - w + 1] over every place of a square window of weights [w]."""
    width = len(window)
    return (images.unfold(2, width, 1) @ window).unfold(3, width, 1) @ window
