"""Digits, as metrics are tried on them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from gankit.data.images import permutation
from gankit_images import datasets


class Halves(NamedTuple):
    """Digits at 16x16, uint8 [N, 1, 16, 16], and their classes, int64 [N]."""

    real: np.ndarray
    """What generated images are compared with."""
    new: np.ndarray
    """As many others: what a perfect generator would give."""
    classes: np.ndarray
    """Of `new`."""
    unseen: np.ndarray
    """Still others, which were held out."""


@cache
def digits(count: int = 500) -> Halves:
    """`count` digits to compare with, as many others, and as many as are left of a third part."""
    images, classes = datasets.Digits(labels=True).load(16)
    assert classes is not None
    order = permutation(len(images), 0)
    parts = np.split(order, [count, 2 * count, 3 * count])
    return Halves(images[parts[0]], images[parts[1]], classes[parts[1]], images[parts[2]])
