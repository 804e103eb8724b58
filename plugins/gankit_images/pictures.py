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


def read_all(
    paths: Sequence[Path], size: tuple[int, int], channels: int, skip: bool, bound: PixelBound
) -> tuple[np.ndarray, list[int]]:
    """The pictures that can be read, uint8 [N, channels, *size], and their positions in `paths`; decoded side by side.

    Args:
        paths: Their files.
        size: Height and width to which they are brought.
        channels: 1, 3 or 4.
        skip: Leave out what cannot be read.
        bound: How many pixels are decoded at a time; larger pictures cannot be read.

    Raises:
        UserError: naming the first that cannot be read; if those are to be skipped, only when none can be.
        MemoryError: if there is no room for them.
    """
    images = np.empty((len(paths), channels, *size), np.uint8)

    def read_into(position: int) -> UserError | None:
        try:
            images[position] = read(paths[position], size, channels, bound)
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


def read(path: Path, size: tuple[int, int], channels: int, bound: PixelBound | None = None) -> np.ndarray:
    """One picture, uint8 [channels, height, width]: what fits its middle, resized with Lanczos' filter.

    With four channels, colours are multiplied by their opacity.

    Raises:
        UserError: if it cannot be read.
    """
    height, width = size
    with open_image(path, bound or PixelBound()) as opened:
        picture = in_bytes(opened, MODES[channels])
        box = middle_box(picture.size, size)
        middle = (
            picture if box == (0, 0, *picture.size) else picture.crop(box)
        )  # resize's own box looks beyond its edge
        pixels = np.asarray(middle.resize((width, height), Image.Resampling.LANCZOS))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


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


def in_bytes(picture: Image.Image, mode: str) -> Image.Image:
    """A picture of any mode as "RGBa", or as "RGB" or "L", laid on black where it is transparent.

    Raises:
        ValueError: if its pixels are 32-bit numbers, whose range is anybody's guess.
    """
    if picture.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        values = np.asarray(picture)
        if picture.mode == "F" or not 0 <= values.min() <= values.max() <= 65535:
            raise ValueError("its pixels are 32-bit numbers; convert it to 8 or 16 bits")
        picture = Image.fromarray(np.rint(values / 257).astype(np.uint8))
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if mode != "RGBa":
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    if mode == "RGBa":
        picture = picture.convert("RGBA")  # from which alone it is reached
    return picture if picture.mode == mode else picture.convert(mode)  # which would copy it


def resized_scans(scans: np.ndarray, resolution: int) -> np.ndarray:
    """Squares of levels from 0 to 255 as uint8 [N, resolution, resolution]: bilinear going up, means going down."""
    count, side, _ = scans.shape
    resampling = Image.Resampling.BILINEAR if resolution >= side else Image.Resampling.BOX
    for _ in range(2):  # along the rows of all at once, then along their columns
        rows = Image.fromarray(scans.astype(np.float32).reshape(-1, side))
        resized = rows.resize((resolution, rows.height), resampling)
        scans = np.asarray(resized).reshape(count, -1, resolution).swapaxes(1, 2)
    return np.rint(scans).astype(np.uint8, order="C")
