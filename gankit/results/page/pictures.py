"""Pictures that stand in the page itself."""

from __future__ import annotations

import html
import math
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

COLUMNS = 16
"""Images side by side."""
LARGEST = 128
"""Pixels of height from which on images are halved."""
SMALLEST = 16
"""Pixels of height up to which each pixel is repeated, so that the gaps between images stay small."""
WIDTH = 1100
"""Pixels of a screen that a row of images may take."""
LARGEST_GRID = 528
"""Pixels of height and width to which grids of samples are reduced."""


class Picture(NamedTuple):
    """A picture and how it is shown."""

    png: bytes
    width: int
    """In its own pixels."""
    scale: int = 1
    """Pixels of a screen for each of its own."""


def strip(images: np.ndarray) -> Picture:
    """Images, uint8 [N, H, W, C], in rows of 16, small ones enlarged by whole numbers and large ones halved."""
    from gankit.data.images import reduced
    from gankit.data.pictures import as_png, grid

    while images.shape[1] > LARGEST and not any(size % 2 for size in images.shape[1:3]):
        images = reduced(images.transpose(0, 3, 1, 2), images.shape[1] // 2).transpose(0, 2, 3, 1)
    laid_out = grid(images, COLUMNS, gap=1, scale=math.ceil(SMALLEST / images.shape[1]))
    width = laid_out.shape[1]
    return Picture(as_png(laid_out), width, max(1, WIDTH // width))


def reduced_grid(path: Path) -> Picture:
    """A picture from a run's folder, smaller if it is large.

    Raises:
        OSError: if it cannot be read as a picture.
    """
    from PIL import Image

    content = path.read_bytes()
    with Image.open(BytesIO(content)) as picture:
        if max(picture.size) <= LARGEST_GRID:
            return Picture(content, picture.width)
        picture.thumbnail((LARGEST_GRID, LARGEST_GRID))
        picture.save(smaller := BytesIO(), format="PNG")
        return Picture(smaller.getvalue(), picture.width)


def figure(caption: str, picture: Picture | None, alt: str = "") -> str:
    """A picture under its caption; the caption alone for None."""
    shown = "" if picture is None else "\n" + _image(picture, alt)
    return f"<figure>\n<figcaption>{html.escape(caption)}</figcaption>{shown}\n</figure>"


def drawing(svg: bytes, alt: str) -> str:
    """A drawing, dark on white."""
    return f'<img class="drawing" alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{b64encode(svg).decode()}">'


def _image(picture: Picture, alt: str) -> str:
    pixels = ' class="pixels"' if picture.scale > 1 else ""
    source = f"data:image/png;base64,{b64encode(picture.png).decode()}"
    return f'<img{pixels} width="{picture.width * picture.scale}" alt="{html.escape(alt)}" src="{source}">'
