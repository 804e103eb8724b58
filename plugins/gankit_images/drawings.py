"""Images that are drawn by integers alone, so that all machines draw the same bytes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from gankit.data.prepared import ImageReader
from gankit_images.modes import UNITS, Place

VERSION = 1
"""Raised when the same options would give other images."""
WITHIN = 4
"""Points in a pixel, along each side, whose mean it shows."""
SIZES = UNITS // 8, UNITS * 3 // 10
"""Half the height of the smallest and of the largest shape."""
COLOURS = 64, 255
"""The darkest and the lightest level that a channel of a shape has."""
LUMA = (77, 150, 29)
"""What red, green and blue are worth in grey, in parts of 256."""
REACH = UNITS * 5 // 32
"""How far from its centre a spot is dark."""


class Drawings(ImageReader):
    """Images of which each follows from its position and a seed."""

    words: ClassVar[int]
    """Of 64 random bits, how many an image takes."""
    what: ClassVar[str]
    """What is drawn, for people."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed

    def key(self) -> str:
        """All that decides on the images."""
        return repr((type(self).__name__, VERSION, sorted(vars(self).items())))

    def __len__(self) -> int:
        """Number of images."""
        return self._count

    def __str__(self) -> str:
        """What is drawn."""
        return self.what

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One of them, uint8 [channels, height, height]; the height is a power of two up to a quarter of UNITS."""
        bits = np.random.PCG64(np.random.SeedSequence(self._seed)).advance(position * self.words)
        return self.drawn(position, bits.random_raw(self.words).tolist(), height)

    @abstractmethod
    def drawn(self, position: int, words: list[int], side: int) -> np.ndarray:
        """The image at a position by its random words, uint8 [channels, side, side]."""


class ShapesOnBlack(Drawings):
    """One shape of any colour, size and place in each image, the kinds in turn."""

    words, what = 6, "shapes"

    def __init__(self, count: int, seed: int, kinds: tuple[str, ...], channels: int) -> None:
        super().__init__(count, seed)
        self.kinds, self.channels = kinds, channels

    def drawn(self, position: int, words: list[int], side: int) -> np.ndarray:
        """Its edges are smooth: a pixel is as bright as the share of its points that lie within."""
        half = _between(words[0], *SIZES)
        x, y = (_between(word, half, UNITS - half) for word in words[1:3])
        colour = [_between(word, *COLOURS) for word in words[3:6]]
        if self.channels == 1:
            colour = [sum(level * worth for level, worth in zip(colour, LUMA, strict=True)) // 256]
        columns, across = _points(x, half, side)
        rows, down = _points(y, half, side)
        within = is_within(self.kinds[position % len(self.kinds)], across, down[:, None], half)
        points = within.reshape(rows.stop - rows.start, WITHIN, columns.stop - columns.start, WITHIN).sum((1, 3))
        image = np.zeros((len(colour), side, side), np.uint8)
        image[:, rows, columns] = (points * np.array(colour)[:, None, None] + WITHIN**2 // 2) // WITHIN**2
        return image


class Spots(Drawings):
    """A bright spot in each image, near one of some places, which are taken in turn."""

    words, what = 6, "a mixture"

    def __init__(self, count: int, seed: int, places: list[Place], spread: int) -> None:
        super().__init__(count, seed)
        self.places, self.spread = places, spread

    def drawn(self, position: int, words: list[int], side: int) -> np.ndarray:
        """It is brightest in its middle, falls off like (1 - d²)², nearly a bell, and is smooth."""
        x, y = self.places[position % len(self.places)]
        x, y = x + self._off(words[:3]), y + self._off(words[3:])
        (columns, across), (rows, down) = _points(x, REACH, side), _points(y, REACH, side)
        height = np.maximum(REACH**2 - across**2 - down[:, None] ** 2, 0) ** 2
        sums = height.reshape(rows.stop - rows.start, WITHIN, columns.stop - columns.start, WITHIN).sum((1, 3))
        whole = WITHIN**2 * REACH**4
        image = np.zeros((1, side, side), np.uint8)
        image[:, rows, columns] = (255 * sums + whole // 2) // whole
        return image

    def _off(self, words: list[int]) -> int:
        """How far off its place a spot is along an axis: twelve numbers of 16 bits add up to a nearly normal one."""
        numbers = sum((word >> shift) & 0xFFFF for word in words for shift in (0, 16, 32, 48))
        return (numbers - 6 * 0xFFFF) * self.spread // 0x10000


def is_within(kind: str, x: Any, y: Any, half: int) -> Any:
    """Whether points relative to the middle of a shape, whose rows count downwards, lie within it."""
    beside, above = abs(x), abs(y)
    match kind:
        case "circle":
            return x * x + y * y <= half**2
        case "square":
            return (beside <= half) & (above <= half)
        case "triangle":
            return (2 * beside <= y + half) & (above <= half)
        case "diamond":
            return beside + above <= half
        case "cross":
            return ((3 * beside <= half) & (above <= half)) | ((3 * above <= half) & (beside <= half))
        case _:  # a ring
            return (x * x + y * y <= half**2) & (4 * (x * x + y * y) >= half**2)


def _between(word: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    return low + word % (high - low + 1)


def _points(middle: int, reach: int, side: int) -> tuple[slice, np.ndarray]:
    """The pixels of a row that come as near to `middle` as `reach`, and where their points lie relative to it."""
    pixel = UNITS // side
    first, last = max(0, (middle - reach) // pixel), min(side, (middle + reach) // pixel + 1)
    apart = pixel // WITHIN
    return slice(first, last), np.arange(first * WITHIN, last * WITHIN, dtype=np.int64) * apart + apart // 2 - middle
