"""From picture files to arrays of bytes, all of one size."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import PIL
from PIL import Image

from gankit.data.image_reading import MAX_MEGAPIXELS, PixelBound, open_image, unreadable_image
from gankit.data.prepared import ImageReader
from gankit.data.trees import ImageTree, PackedFile

if TYPE_CHECKING:
    from gankit_images.resized import Filter, Fit

Levels: TypeAlias = tuple[float, float] | None
"""Which numbers are black and white; None where these are taken from the format."""


class Decoding(NamedTuple):
    """How picture files become arrays."""

    levels: Levels = None
    fit: Fit = "crop"
    filter: Filter = "lanczos"
    max_megapixels: float = MAX_MEGAPIXELS
    """Millions of pixels that are decoded at a time; a picture of more cannot be read."""


class EncodedPictures(ImageReader):
    """Picture files, wherever they lie, all brought to one size."""

    def __init__(self, channels: int, decoding: Decoding) -> None:
        """Look at none of them yet.

        Args:
            channels: 1, 3 or 4.
            decoding: How they are decoded.
        """
        self._channels, self._decoding = channels, decoding
        self._bound = PixelBound(decoding.max_megapixels)

    @abstractmethod
    def name(self, position: int) -> str:
        """What one of them is called in the place where all lie."""

    @abstractmethod
    def picture(self, position: int) -> AbstractContextManager[Path | PackedFile]:
        """One of them, to be opened within the block.

        Raises:
            OSError: if it cannot be read.
        """

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One of them, uint8 [channels, height, width].

        Raises:
            UserError: if it cannot be read.
        """
        try:
            with self.picture(position) as picture:
                return read(picture, (height, width), self._channels, self._bound, self._decoding)
        except OSError as failure:
            raise unreadable_image(f"{self}/{self.name(position)}", failure) from failure


class PictureFiles(EncodedPictures):
    """Picture files of a folder or an archive."""

    def __init__(self, tree: ImageTree, files: Sequence[Path], channels: int, decoding: Decoding) -> None:
        """Look at none of them yet.

        Args:
            tree: Where they lie.
            files: Those of its images that are wanted.
            channels: 1, 3 or 4.
            decoding: How they are decoded.
        """
        super().__init__(channels, decoding)
        self._tree, self._files = tree, files

    def key(self) -> str:
        """The names of the files, their sizes and when they were written, and how they are decoded."""
        said = hashlib.blake2b(repr((PIL.__version__, self._channels, self._decoding)).encode(), digest_size=16)
        for file in self._files:
            try:
                state = self._tree.state(file)
            except OSError:  # which is said when it is read
                state = None
            said.update(repr((os.fsencode(file.as_posix()), state)).encode())
        return said.hexdigest()

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def __str__(self) -> str:
        """The folder or archive."""
        return str(self._tree.path)

    def name(self, position: int) -> str:
        """Its path there."""
        return str(self._files[position])

    def picture(self, position: int) -> AbstractContextManager[Path | PackedFile]:
        """Where it lies, or what it holds."""
        return self._tree.image(self._files[position])


MODES = {1: "L", 3: "RGB", 4: "RGBa"}
"""Pillow's names for pictures of so many channels; in the last, colours are multiplied by their opacity."""


def read(
    file: Path | PackedFile,
    size: tuple[int, int],
    channels: int,
    bound: PixelBound | None = None,
    decoding: Decoding | None = None,
) -> np.ndarray:
    """One picture, uint8 [channels, height, width].

    With four channels, colours are multiplied by their opacity.

    Raises:
        UserError: if it cannot be read.
    """
    decoding = decoding or Decoding()
    with open_image(file, bound or PixelBound()) as opened:
        picture = in_bytes(opened, MODES[channels], decoding.levels)
        pixels = np.asarray(sized(picture, size, decoding))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def sized(picture: Image.Image, size: tuple[int, int], decoding: Decoding) -> Image.Image:
    """A picture of the height and width `size`."""
    height, width = size
    filter = Image.Resampling[decoding.filter.upper()]
    if decoding.fit == "pad":
        scale = min(width / picture.width, height / picture.height)
        within = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        padded = Image.new(picture.mode, (width, height))
        padded.paste(picture.resize(within, filter), ((width - within[0]) // 2, (height - within[1]) // 2))
        return padded
    box = middle_box(picture.size, size) if decoding.fit == "crop" else (0, 0, *picture.size)
    # cropped first, as resize's own box looks beyond its edge
    middle = picture if box == (0, 0, *picture.size) else picture.crop(box)
    return middle.resize((width, height), filter)


DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's names for grey pictures of more than 8 bits."""


def middle_box(picture: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box of a shape in the middle of a picture, to the nearest whole pixel: left, top, right, bottom.

    Args:
        picture: Its width and height in pixels.
        shape: Height and width in any unit.
    """
    height, width = shape
    wide = max(1, min(picture[0], round(picture[1] * width / height)))
    high = max(1, min(picture[1], round(picture[0] * height / width)))
    left, top = (picture[0] - wide) // 2, (picture[1] - high) // 2
    return left, top, left + wide, top + high


def in_bytes(picture: Image.Image, mode: str, levels: Levels = None) -> Image.Image:
    """A picture of any mode as "RGBa", or as "RGB" or "L", laid on black where it is transparent.

    Args:
        picture: Any.
        mode: One of Pillow's three.
        levels: Which numbers are black and white in a picture of more than 8 bits; default: 0 and 65535.

    Raises:
        ValueError: if it has more than 8 bits and nothing tells which numbers are black and white.
    """
    if picture.mode in DEEP:
        picture = _grey(picture, levels)
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if mode != "RGBa":
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    if mode == "RGBa":
        picture = picture.convert("RGBA")  # from which alone it is reached
    return picture if picture.mode == mode else picture.convert(mode)  # which would copy it


def _grey(picture: Image.Image, levels: Levels) -> Image.Image:
    """A picture of more than 8 bits in 8, with opacity if one of its numbers stands for what is transparent.

    Raises:
        ValueError: see `in_bytes`.
    """
    numbers = np.asarray(picture)
    if levels is None:
        _refuse_ambiguous(picture, numbers)
    black, white = levels or (0, 65535)
    scaled = numbers.astype(np.float64)
    scaled -= black
    scaled /= (white - black) / 255
    if not np.isfinite(scaled).all():
        raise ValueError("it holds numbers that are not finite")
    grey = Image.fromarray(np.rint(scaled, out=scaled).clip(0, 255, out=scaled).astype(np.uint8))
    if isinstance(transparent := picture.info.get("transparency"), int):
        grey.putalpha(Image.fromarray(np.where(numbers == transparent, np.uint8(0), np.uint8(255))))
    return grey


def _refuse_ambiguous(picture: Image.Image, numbers: np.ndarray) -> None:
    """Refuse numbers that need not be those of 16 bits, of which 65535 is white."""
    remedy = "say which are black and white, as in range: [0, {}], or convert it to 8 or 16 bits"
    if picture.mode == "F":
        raise ValueError(f"its pixels are floating-point numbers; {remedy.format(1)}")
    least, most = numbers.min(), numbers.max()
    if not 0 <= least <= most <= 65535:
        raise ValueError(f"its pixels are whole numbers from {least} to {most}; {remedy.format(most)}")
    if picture.mode == "I" and picture.format == "TIFF" and 0 < most < 65535:
        full = max(255, 2 ** int(most).bit_length() - 1)
        white = "65535" if full == 65535 else f"{full} or 65535"
        raise ValueError(
            f"its pixels are 32-bit numbers, at most {most}, of which {white} may be white; {remedy.format(full)}"
        )


def resized_scans(scans: np.ndarray, resolution: int) -> np.ndarray:
    """Squares of levels from 0 to 255 as uint8 [N, resolution, resolution]: bilinear going up, means going down."""
    count, side, _ = scans.shape
    resampling = Image.Resampling.BILINEAR if resolution >= side else Image.Resampling.BOX
    for _ in range(2):  # along the rows of all at once, then along their columns
        rows = Image.fromarray(scans.astype(np.float32).reshape(-1, side))
        resized = rows.resize((resolution, rows.height), resampling)
        scans = np.asarray(resized).reshape(count, -1, resolution).swapaxes(1, 2)
    return np.rint(scans).astype(np.uint8, order="C")
