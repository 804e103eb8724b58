"""Pictures for people: grids of samples, saved as PNG."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

import numpy as np

from gankit.core.files import write_at_once

READABLE = 64
"""Small images are enlarged to at least so many pixels."""
NEUTRAL = 128
"""The grey between images: neither the black nor the white that they may end in."""


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2, scale: int | None = None) -> np.ndarray:
    """Lay images out in rows, first to last from the upper left.

    Args:
        images: uint8 [N, H, W, C], N at least 1.
        columns: Images a row; default: as near to a square as it gets.
        gap: Pixels between neighbours, counted after enlargement.
        scale: Whole number by which each pixel is repeated; default: the least that makes images 64 pixels high.

    Returns:
        uint8 [H', W', C].
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    scale = scale or math.ceil(READABLE / height)
    height, width = height * scale, width * scale
    enlarged = images.repeat(scale, axis=1).repeat(scale, axis=2)
    canvas = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), NEUTRAL, dtype=images.dtype
    )
    canvas[:, :, 3:] = 255  # opaque
    for position, image in enumerate(enlarged):
        row, column = divmod(position, columns)
        top, left = row * (height + gap), column * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def save_png(path: Path, image: np.ndarray) -> None:
    """Save a picture as a PNG that is either complete or not there; see `as_png`."""
    write_at_once(path, as_png(image))


def as_png(image: np.ndarray) -> bytes:
    """The PNG file of uint8 [H, W, 1, 3 or 4], the same bytes for the same image.

    Of four channels the last is opacity, which the colours are multiplied by.

    Raises:
        ValueError: if `image` is of another form.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError(f"a picture is uint8 [H, W, 1, 3 or 4], not {image.dtype} {list(image.shape)}")
    if image.shape[2] == 4:  # a PNG's colours are not multiplied by opacity
        picture = Image.frombytes("RGBa", image.shape[1::-1], image.tobytes()).convert("RGBA")
    else:
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    content = BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()
