"""Image files that lie by the thousand in a few larger files, each had by its position."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
import PIL

from gankit import UserError
from gankit.core.text import printable, shortened
from gankit.data.trees import LARGEST, PackedFile
from gankit_images.array_files import refuse_gaps
from gankit_images.classes import in_natural_order
from gankit_images.pictures import Decoding, EncodedPictures

LONGEST_LABEL = 1000
"""Bytes of a label."""


class Labels(NamedTuple):
    """The classes of some images."""

    numbers: np.ndarray
    """Of each image, int64 [N]."""
    names: list[str]
    """What the classes are called, in the order of their numbers."""
    are_numbers: bool = False
    """Whether they are called by their numbers, for want of names."""


class Records(ABC):
    """The image files of a few larger files, read by several threads at once."""

    passed_over: Counter[str]
    """How much else there is, by what it is."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of images, at least one."""

    @abstractmethod
    def __str__(self) -> str:
        """Where they lie."""

    @abstractmethod
    def key(self) -> str:
        """What tells them from all others."""

    @abstractmethod
    def name(self, position: int) -> str:
        """What one of them is called there."""

    @abstractmethod
    def file(self, position: int) -> PackedFile:
        """One of them.

        Raises:
            OSError: if it cannot be read.
        """

    @abstractmethod
    def labels(self) -> Labels:
        """The class of each, as it is written beside it.

        Raises:
            UserError: if there are none, or one has none.
        """


class RecordPictures(EncodedPictures):
    """Pictures out of such files."""

    def __init__(self, records: Records, chosen: np.ndarray | None, channels: int, decoding: Decoding) -> None:
        """Look at none of them yet.

        Args:
            records: Where they lie.
            chosen: The positions of those that are wanted, int64; None: all.
            channels: 1, 3 or 4.
            decoding: How they are decoded.
        """
        super().__init__(channels, decoding)
        self._records, self._chosen = records, chosen

    def key(self) -> str:
        """What tells the files from others, which images of them are wanted, and how they are decoded."""
        said = repr((PIL.__version__, self._channels, self._decoding, self._records.key())).encode()
        return hashlib.blake2b(
            said + (b"" if self._chosen is None else self._chosen.tobytes()), digest_size=16
        ).hexdigest()

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._records) if self._chosen is None else len(self._chosen)

    def __str__(self) -> str:
        """Where they lie."""
        return str(self._records)

    def name(self, position: int) -> str:
        """What it is called there."""
        return self._records.name(self._at(position))

    def picture(self, position: int) -> AbstractContextManager[PackedFile]:
        """Its file."""
        return nullcontext(self._records.file(self._at(position)))

    def _at(self, position: int) -> int:
        return position if self._chosen is None else int(self._chosen[position])


def refuse_large(size: int) -> None:
    """Refuse an image file of more bytes than any has.

    Raises:
        OSError: then.
    """
    if size > LARGEST:
        raise OSError(f"it takes {size:,} bytes, more than {LARGEST:,}")


def label_text(content: bytes, place: Callable[[], str]) -> str:
    """A label out of bytes that hold a number or text.

    Raises:
        UserError: naming `place()` if they hold none.
    """
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > LONGEST_LABEL:
        said = shortened(repr(content[:80]), 60)
        raise UserError(f"labels: {printable(place())} holds {said}, which is no number and no text")
    return text


def labels_of(texts: Sequence[str], place: str) -> Labels:
    """Classes from what is written beside images: whole numbers from 0, or else text, in natural order.

    Raises:
        UserError: naming `place` if numbers leave a class without images.
    """
    if all(text.isascii() and text.isdecimal() for text in texts):
        if len(max(texts, key=len)) > 18:
            raise UserError(f"labels: {place} holds {max(texts, key=len):.40}, which is no class")
        return numbered(np.array(texts).astype(np.int64), place)
    names = in_natural_order([*{*texts}])
    numbers = {name: number for number, name in enumerate(names)}
    return Labels(np.array([numbers[text] for text in texts], np.int64), names)


def numbered(numbers: np.ndarray, place: str) -> Labels:
    """Classes that have numbers, int64 [N], and no names.

    Raises:
        UserError: naming `place` if they are not the whole numbers from 0 on.
    """
    refuse_gaps(numbers, place)
    return Labels(numbers, [str(number) for number in range(int(numbers.max()) + 1)], are_numbers=True)
