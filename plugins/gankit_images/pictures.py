"""From picture files to arrays of bytes, all of one size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from gankit import UserError
from gankit.data.image_reading import PixelBound, open_image

Levels = tuple[float, float] | None
"""Which numbers are black and white; None where these are taken from the format."""


def read_all(
    paths: Sequence[Path], size: tuple[int, int], channels: int, skip: bool, bound: PixelBound, levels: Levels = None
) -> tuple[np.ndarray, list[int]]:
    """The pictures that can be read, uint8 [N, channels, *size], and their positions in `paths`; decoded side by side.

    Args:
        paths: Their files.
        size: Height and width to which they are brought.
        channels: 1, 3 or 4.
        skip: Leave out what cannot be read.
        bound: How many pixels are decoded at a time; larger pictures cannot be read.
        levels: See `in_bytes`.

    Raises:
        UserError: naming the first that cannot be read; if those are to be skipped, only when none can be.
        MemoryError: if there is no room for them.
    """
    images = np.empty((len(paths), channels, *size), np.uint8)

    def read_into(position: int) -> UserError | None:
        try:
            images[position] = read(paths[position], size, channels, bound, levels)
        except UserError as problem:
            return problem
        return None

    kept: list[int] = []
    first: UserError | None = None
    workers = ThreadPoolExecutor(min(16, os.cpu_count() or 1))  # Pillow decodes outside the interpreter's lock
    try:
        for position, problem in enumerate(workers.map(read_into, range(len(paths)))):
            if problem is None:
                kept.append(position)
            elif not skip:
                raise problem
            first = first or problem
    finally:
        workers.shutdown(cancel_futures=True)
    if first and not kept:
        raise UserError(f"none of {len(paths)} images can be read; the first: {first}") from first
    for position, source in enumerate(kept):  # in place, as there may be no room for a copy
        if position != source:
            images[position] = images[source]
    return images[: len(kept)], kept


MODES = {1: "L", 3: "RGB", 4: "RGBa"}
"""Pillow's names for pictures of so many channels; in the last, colours are multiplied by their opacity."""


def read(
    path: Path, size: tuple[int, int], channels: int, bound: PixelBound | None = None, levels: Levels = None
) -> np.ndarray:
    """One picture, uint8 [channels, height, width]: what fits its middle, resized with Lanczos' filter.

    With four channels, colours are multiplied by their opacity.

    Raises:
        UserError: if it cannot be read.
    """
    height, width = size
    with open_image(path, bound or PixelBound()) as opened:
        picture = in_bytes(opened, MODES[channels], levels)
        box = middle_box(picture.size, size)
        # cropped first, as resize's own box looks beyond its edge
        middle = picture if box == (0, 0, *picture.size) else picture.crop(box)
        pixels = np.asarray(middle.resize((width, height), Image.Resampling.LANCZOS))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


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
