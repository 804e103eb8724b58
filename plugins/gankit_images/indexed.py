"""Data sets of other libraries, which give a picture and its label by position."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import PIL
from PIL import Image

from gankit import UserError
from gankit.data.prepared import ImageReader
from gankit_images.pictures import MODES, Decoding, in_bytes, sized


class IndexedImages(ImageReader):
    """The pictures of a data set of (picture, label) pairs."""

    def __init__(
        self, pairs: Sequence[tuple[Any, Any]], key: Sequence[str], channels: int, decoding: Decoding, place: str
    ) -> None:
        """Look at none of them yet.

        Args:
            pairs: The data set; pictures are Pillow's.
            key: Words that tell it from all others.
            channels: 1 or 3.
            decoding: How pictures come to their size.
            place: What it is called, for people.
        """
        self._pairs, self._key, self._channels, self._decoding, self._place = pairs, key, channels, decoding, place
        self._lock = Lock()  # nobody promises that several threads may read at once

    def key(self) -> str:
        """What it was told, how pictures are decoded, and those that are in memory themselves."""
        said = (PIL.__version__, *self._key, len(self), self._channels, self._decoding, self._content)
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()

    @cached_property
    def _content(self) -> str | None:
        """A hash of all pictures where torchvision has them in memory, as other files may come to lie in its folder."""
        there = getattr(self._pairs, "data", None)
        if there is None:
            return None
        return hashlib.blake2b(np.ascontiguousarray(np.asarray(there)).data, digest_size=16).hexdigest()

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._pairs)

    def __str__(self) -> str:
        """What it is called."""
        return self._place

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One of them, uint8 [channels, height, width].

        Raises:
            UserError: if it cannot be read.
        """
        try:
            with self._lock:
                picture: Image.Image = self._pairs[position][0]
            pixels = np.asarray(sized(in_bytes(picture, MODES[self._channels]), (height, width), self._decoding))
        except Exception as problem:  # each library fails in ways of its own
            raise UserError(f"{self._place}: cannot read image {position}: {problem}") from problem
        return pixels[None] if self._channels == 1 else pixels.transpose(2, 0, 1)

    def labels(self) -> list[int]:
        """The class of each."""
        for name in ("targets", "labels"):  # where torchvision has them without decoding
            if (there := getattr(self._pairs, name, None)) is not None:
                return [int(label) for label in there]
        return [int(self._pairs[position][1]) for position in range(len(self))]
