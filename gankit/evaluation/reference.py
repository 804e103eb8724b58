"""Which reals take part in an evaluation."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from gankit.data.images import RealImages


class Subset(NamedTuple):
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

    reference: Subset
    """What generated images are compared with."""
    held_out: Subset
    """What stands in for generated images in floors and metrics of reals alone; none of them is in `control`."""
    control: Subset
    """What the held-out are compared with."""
    training: Subset
    """All that are trained on but those held out."""
    stated: str
    """Where the held-out come from, for the protocol."""


def split(
    reals: RealImages, images: int, seed: int, test: RealImages | None = None, compares_with_test: bool = False
) -> Split:
    """Choose the reals to compare with, and others to hold against them.

    The reference are `images` reals, or all if there are fewer, in the order of a hash of `seed` and their pixels.

    As many are held out: from the data set's own test part `test` if it has one, from the reals that are left
    otherwise. If not so many are left, the held-out and what they are compared with are two halves of all reals,
    `images` each at most. Where the test part is what is compared with, the same holds of its images alone.
    """
    if compares_with_test:
        assert test is not None, "experiments whose data has none are refused"
        apart = split(test, images, seed)
        return apart._replace(training=Subset(reals, reals.order_by_hash(seed)), stated=f"test part, {apart.stated}")
    order = reals.order_by_hash(seed)
    reference = Subset(reals, order[:images])
    if test is not None:
        held_out = Subset(test, test.order_by_hash(seed)[:images])
        return Split(reference, held_out, reference, Subset(reals, order), "test part of the data set")
    left = order[images : 2 * images]
    if len(left) == len(reference.chosen):
        training = Subset(reals, np.concatenate([order[:images], order[2 * images :]]))
        return Split(reference, Subset(reals, left), reference, training, "others by hash of the image")
    half = min(images, reals.count // 2)
    held_out, control = Subset(reals, order[half : 2 * half]), Subset(reals, order[:half])
    training = Subset(reals, np.concatenate([order[:half], order[2 * half :]]))
    return Split(reference, held_out, control, training, "halves by hash of the image")
