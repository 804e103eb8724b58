"""FID, IS and KID of features, equal to torch-fidelity's to the last bit.

They are written out here as torch-fidelity imports all networks that it knows with any of its formulas, which takes
longer than importing torch: who measures by a network of gankit's own would wait for that at the start of every run.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.evaluation.statistics import Statistics

SEED = 2020
"""torch-fidelity's, of which images are shuffled and drawn."""


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """The squared Fréchet distance of two normal distributions (Heusel et al. 2017, equation 6).

    Rounding may take that of nearly equal ones below zero; they are at 0 then. NaN if either holds a NaN or an
    infinity, as a single image's covariance does.
    """
    import numpy as np

    if not all(np.isfinite(part).all() for part in (one.mean, one.covariance, other.mean, other.covariance)):
        return math.nan
    apart = one.mean - other.mean
    values = np.linalg.eigvals(one.covariance.dot(other.covariance)).astype("complex128")
    overlap = 2 * np.sum(np.sqrt(values).real)
    return max(0.0, float(apart.dot(apart) + np.trace(one.covariance) + np.trace(other.covariance) - overlap))


def inception_score(logits: Tensor, splits: int) -> tuple[float, float]:
    """Mean and standard deviation of the score over parts of the images (Salimans et al. 2016, section 4).

    Args:
        logits: Of each image, [N, classes], in any precision; the score is computed in float64.
        splits: Into how many parts the images are divided at random, always the same.
    """
    import numpy as np

    shuffled = logits[np.random.RandomState(SEED).permutation(len(logits)), :].double()
    p, log_p = shuffled.softmax(1), shuffled.log_softmax(1)
    ends = [part * len(logits) // splits for part in range(splits + 1)]
    scores = []
    for part in pairwise(ends):
        own, log_own = p[slice(*part)], log_p[slice(*part)]
        divergence = own * (log_own - own.mean(0, keepdim=True).log())
        scores.append(divergence.sum(1).mean().exp().item())
    return float(np.mean(scores)), float(np.std(scores))


def kernel_distance(
    one: Tensor, other: Tensor, subsets: int = 100, subset_size: int = 1000
) -> tuple[float, float | None]:
    """Mean and standard deviation of the squared maximum mean discrepancy over subsets (Bińkowski et al. 2018).

    In float64, because it is a small difference of large sums; NaN of a single image. A single subset has no standard
    deviation: it is None, where torch-fidelity gives 0. The subsets are always the same and drawn without touching
    numpy's or torch's generators.

    Args:
        one: Features [N, D].
        other: Features [M, D].
        subsets: How many subsets; one if they hold all there is.
        subset_size: Images of each kind in a subset, at most N and M.
    """
    import numpy as np

    size = min(subset_size, len(one), len(other))
    if size < 2:
        return math.nan, None
    draws, first, second = np.random.RandomState(SEED), one.double().cpu().numpy(), other.double().cpu().numpy()
    distances = [
        discrepancy(first[draws.choice(len(first), size, False)], second[draws.choice(len(second), size, False)])
        for _ in range(1 if size == len(one) == len(other) else subsets)
    ]
    return float(np.mean(distances)), float(np.std(distances)) if len(distances) > 1 else None


def discrepancy(one: np.ndarray, other: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy of features [N, D] and [N, D] under KID's kernel.

    The kernel is (x y / D + 1)^3 (Bińkowski et al. 2018, section 4).
    """
    among = [_kernel(features, features) for features in (one, other)]
    apart = [(kernel.sum(1) - kernel.diagonal()).sum() for kernel in among]
    return (apart[0] + apart[1]) / (len(one) * (len(one) - 1)) - 2 * _kernel(one, other).sum(0).sum() / len(one) ** 2


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one @ other.T * (1.0 / one.shape[1]) + 1) ** 3
