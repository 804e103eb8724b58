"""Which reals take part in an evaluation."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from gankit.data import RealImages


class Part(NamedTuple):
    """Some images of a data set."""

    reals: RealImages
    chosen: np.ndarray
    """Their positions, int64 [n]."""

    @property
    def digest(self) -> str:
        """Names the choice among all of the same data set."""
        return hashlib.blake2b(self.chosen.tobytes(), digest_size=16).hexdigest()


class Split(NamedTuple):
    """The parts that reals play."""

    reference: Part
    """What generated images are compared with."""
    held_out: Part
    """What stands in for generated images in floors and yardsticks; none of them is in `beside`."""
    beside: Part
    """What the held-out are compared with."""
    training: Part
    """All that are trained on but those held out."""
    stated: str
    """Where the held-out come from, for the protocol."""


def split(reals: RealImages, images: int, seed: int, test: RealImages | None = None) -> Split:
    """Choose the reals to compare with, and others to hold against them.

    The reference are `images` reals, or all if there are fewer, in the order of a hash of `seed` and their pixels.

    As many are held out: from the data set's own test part `test` if it has one, from the reals that are left
    otherwise. If not so many are left, the held-out and what they are compared with are two halves of all reals,
    `images` each at most.
    """
    order = reals.order_by_hash(seed)
    reference = Part(reals, order[:images])
    if test is not None:
        held_out = Part(test, test.order_by_hash(seed)[:images])
        return Split(reference, held_out, reference, Part(reals, order), "test part of the data set")
    left = order[images : 2 * images]
    if len(left) == len(reference.chosen):
        training = Part(reals, np.concatenate([order[:images], order[2 * images :]]))
        return Split(reference, Part(reals, left), reference, training, "others by hash of the image")
    half = min(images, reals.count // 2)
    held_out, beside = Part(reals, order[half : 2 * half]), Part(reals, order[:half])
    training = Part(reals, np.concatenate([order[:half], order[2 * half :]]))
    return Split(reference, held_out, beside, training, "halves by hash of the image")
