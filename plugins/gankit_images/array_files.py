"""Arrays of images in files, of which one image at a time is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from gankit import UserError
from gankit.data.prepared import ImageReader
from gankit_images.pictures import Decoding, sized
from gankit_images.stored_arrays import StoredArray

CHANNELS = (1, 3, 4)
"""What an axis of channels is known by, unless it is told which axis that is."""


class ArrayImages(ImageReader):
    """The images of an array."""

    def __init__(self, path: Path, name: str, layout: str | None, decoding: Decoding) -> None:
        """Look at its form.

        Args:
            path: The file.
            name: Of the array, where the file has several.
            layout: "channels-last" or "channels-first"; None: whichever gives a number of channels that images have.
            decoding: How images come to their size, and which numbers are black and white.

        Raises:
            UserError: if it cannot be read, or holds no images.
        """
        self._path, self._name, self._decoding = path, name, decoding
        self._array = StoredArray(path, name)
        self._last, self.channels = self._layout_of(self._array.shape, layout)
        kind = self._array.dtype
        if kind.kind not in "uif":
            raise UserError(f"{path}: its numbers are {kind}; images are of whole or floating-point numbers")
        if kind != np.uint8 and decoding.levels is None:
            raise UserError(f"{path}: its numbers are {kind}; `range` says which of them are black and white")

    def _layout_of(self, shape: Sequence[int], layout: str | None) -> tuple[bool, int]:
        """Whether channels are the last axis, and how many there are."""
        form = f"{self._path} holds an array {[*shape]}"
        if len(shape) not in (3, 4) or 0 in shape:
            raise UserError(f"{form}, but images are [N, height, width], with channels last or second if any")
        if len(shape) == 3:
            return True, 1
        fitting = {"channels-last": shape[3] in CHANNELS, "channels-first": shape[1] in CHANNELS}
        if layout is None:
            possible = [name for name, fits in fitting.items() if fits]
            if len(possible) != 1:
                why = "either may be" if possible else "neither axis has 1, 3 or 4"
                raise UserError(f"{form}, whose channels may be last or second: {why}; `layout` says which")
            layout = possible[0]
        return layout == "channels-last", shape[3] if layout == "channels-last" else shape[1]

    def key(self) -> str:
        """The name of the array, the size of its file, when it was written, and how images are decoded.

        Raises:
            UserError: if that has changed since it was opened.
        """
        try:
            there = self._path.stat()
        except OSError as failure:
            raise UserError(f"{self._path}: cannot be read: {failure.strerror}") from failure
        if (there.st_size, there.st_mtime_ns) != self._array.state:
            raise UserError(f"{self._path} was changed since it was opened; begin again when it is left alone")
        said = (PIL.__version__, self._name, self._last, *self._array.state, self._decoding)
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        """Number of images."""
        return self._array.shape[0]

    def __str__(self) -> str:
        """The file."""
        return str(self._path)

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One of them, uint8 [channels, height, width].

        Raises:
            UserError: if it holds numbers that are not finite, or cannot be read any more.
        """
        image = self._array.rows(position, position + 1)[0]
        image = image[..., None] if image.ndim == 2 else image if self._last else image.transpose(1, 2, 0)
        if self._decoding.levels is not None:
            black, white = self._decoding.levels
            with np.errstate(all="ignore"):  # it is looked at below
                scaled = (image.astype(np.float64) - black) * (255 / (white - black))
            if not np.isfinite(scaled).all():
                raise UserError(f"{self._path}: image {position} holds numbers that are not finite")
            image = np.rint(scaled).clip(0, 255).astype(np.uint8)
        if image.shape[:2] == (height, width):
            return np.ascontiguousarray(image.transpose(2, 0, 1))
        channels = [Image.fromarray(np.ascontiguousarray(image[:, :, channel])) for channel in range(image.shape[2])]
        return np.stack([np.asarray(sized(channel, (height, width), self._decoding)) for channel in channels])


def read_classes(path: Path, name: str | None, images: int) -> np.ndarray:
    """The classes of so many images, int64 [images].

    Args:
        path: .npy, .npz or .safetensors.
        name: Of the array, where the file has several.
        images: How many there have to be.

    Raises:
        UserError: if they cannot be read, are no whole numbers from 0, not so many, or leave a class without images.
    """
    array = StoredArray(path, name)
    if array.shape != (images,) or array.dtype.kind not in "ui":
        raise UserError(
            f"labels: {path} holds {array.dtype} {[*array.shape]} instead of whole numbers [{images}], one an image"
        )
    classes = array.rows(0, images)
    refuse_gaps(classes, str(path))
    return classes.astype(np.int64)


def refuse_gaps(classes: np.ndarray, place: str) -> None:
    """Refuse classes, int64 [N], that are not the whole numbers from 0 on, each with images.

    Raises:
        UserError: naming `place`, where they stand.
    """
    there = np.unique(classes)
    if there[0] < 0:
        raise UserError(f"labels: {place} should hold classes from 0 on, not {there[0]}")
    if gaps := np.flatnonzero(there != np.arange(len(there))).tolist():
        raise UserError(f"labels: {place} has no image of class {gaps[0]}, so that there is nothing to learn of it")
