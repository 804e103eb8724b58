"""Averages of weights by a power of the images shown, and how those of other lengths are made of them.

Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", section 3 and appendix C. After
t images the weights as they were at image s, 0 < s <= t, have the share (g + 1) s**g / t**(g + 1) in such an average:
its profile. The exponent g follows from its length, which is the standard deviation of the profile over t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

SHORTEST, LONGEST = 1e-4, 0.288
"""The lengths that there are: the longest is that of the plain mean of all, sqrt(1 / 12)."""
SMALLEST = 1e-11
"""Singular values of profiles, as a share of the greatest, below which they cannot be told apart in float64."""


class Profile(NamedTuple):
    """Which weights have what share in an average."""

    length: float
    """Standard deviation in time, as a share of `images`."""
    images: int
    """Images shown when it stood so."""


class Mixture(NamedTuple):
    """What comes nearest to a profile as a sum of others."""

    shares: list[float]
    """What each is multiplied by; their sum is 1."""
    error: float
    """How far the sum is from what was wanted, in the mean square over time, as a share of that."""


@cache
def exponent_of(length: float) -> float:
    """The exponent g of the profile of a length from `SHORTEST` to `LONGEST`.

    It solves length**2 = (g + 1) / ((g + 2)**2 (g + 3)) (Karras et al. 2024, appendix C.2), by Newton's method from
    above, where it comes down to the root and never past it.
    """
    squared, g, before = length**-2, 1 / length, math.inf
    while g < before:
        value, slope = ((g + 7) * g + 16 - squared) * g + 12 - squared, (3 * g + 14) * g + 16 - squared
        before, g = g, g - value / slope
    return before


def mixture(profiles: Sequence[Profile], wanted: Profile) -> Mixture:
    """The sum of profiles that comes nearest to the wanted one, by least squares over time.

    Beyond the paper, shares sum to one, as profiles do: weights that never moved stay what they are.
    """
    import numpy as np  # plugins of averages are read without it

    exponents = np.array([exponent_of(each.length) for each in (*profiles, wanted)])
    images = np.array([float(each.images) for each in (*profiles, wanted)])
    sums, times = np.add.outer(exponents, exponents) + 1, np.minimum.outer(images, images)
    reach = (np.log(times) - np.log(images)[:, None]) * (exponents + 1)[:, None]  # how much of each lies before both
    # the integral over time of the product of each two (Karras et al. 2024, appendix C.3), then of norm 1, or the first
    # would outweigh all others
    products = np.multiply.outer(exponents + 1, exponents + 1) / sums / times * np.exp(reach + reach.T)
    norms = np.sqrt(products.diagonal())
    cosines = products / np.outer(norms, norms)
    gram, near, ones = cosines[:-1, :-1], cosines[:-1, -1], norms[-1] / norms[:-1]
    values, vectors = np.linalg.eigh(gram)
    kept = values > SMALLEST * values[-1]
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    free, towards = inverse @ near, inverse @ ones
    shares = free + towards * (1 - ones @ free) / (ones @ towards)  # by a multiplier of Lagrange they sum to one
    left = 1 - 2 * shares @ near + shares @ gram @ shares
    return Mixture((shares * ones).tolist(), math.sqrt(max(float(left), 0.0)))
