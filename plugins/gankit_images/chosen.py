"""Some of the images that a data set has loaded."""

from __future__ import annotations

import hashlib

import numpy as np

from gankit import LabelledImages
from gankit.data.prepared import FromDisk, ImageReader, PreparedImages, prepared


def chosen_images(
    loaded: LabelledImages, positions: np.ndarray, labels: np.ndarray | None, what: str
) -> LabelledImages:
    """The images at some positions, with new labels; from the disk if they come from there.

    Args:
        loaded: All of them.
        positions: Those that are chosen, int64 [N].
        labels: Those that they are given.
        what: What they are, for people.

    Raises:
        UserError: if there is no room for them.
    """
    images, is_all = loaded.images, len(positions) == len(loaded.images)
    if not isinstance(loaded, FromDisk):
        return LabelledImages(images if is_all else images[positions], labels)
    channels, height, width = images.shape[1:]
    kept = loaded.prepared
    if not is_all:
        kept = prepared(ChosenImages(kept, images, positions, what), channels, height, width)
    return FromDisk.of(kept, height, labels)


class ChosenImages(ImageReader):
    """Some of the images that were prepared before."""

    def __init__(self, whole: PreparedImages, images: np.ndarray, positions: np.ndarray, what: str) -> None:
        """Look at none of them yet.

        Args:
            whole: All of them.
            images: The same at their full height.
            positions: Those that are chosen, int64 [N].
            what: What they are, for people.
        """
        self._whole, self._images, self._positions, self._what = whole, images, positions, what

    def key(self) -> str:
        """The name of the whole and the choice."""
        return f"{self._whole.folder.name} {hashlib.blake2b(self._positions.tobytes(), digest_size=16).hexdigest()}"

    def __len__(self) -> int:
        """Number of chosen images."""
        return len(self._positions)

    def __str__(self) -> str:
        """What they are."""
        return self._what

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One of them, uint8 [channels, height, width]."""
        return self._images[self._positions[position]]
