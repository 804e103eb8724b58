"""Pictures that stand in the page itself."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.errors import UserError
from gankit.results.page.markup import Figure

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


def strip(caption: str, images: np.ndarray, alt: str, names: Sequence[str] = ()) -> Figure:
    """Images, uint8 [N, H, W, C], in rows of 16, small ones enlarged by whole numbers and large ones halved.

    To the left of the rows stand their `names`, if they have any.
    """
    from gankit.data.images import reduced
    from gankit.data.pictures import as_png, grid

    while images.shape[1] > LARGEST and not any(size % 2 for size in images.shape[1:3]):
        images = reduced(images.transpose(0, 3, 1, 2), images.shape[1] // 2).transpose(0, 2, 3, 1)
    laid_out = grid(images, COLUMNS, gap=1, scale=math.ceil(SMALLEST / images.shape[1]), names=names)
    width = laid_out.shape[1]
    scale = max(1, WIDTH // width)
    return Figure(caption, address_of(as_png(laid_out)), alt, width * scale, "pixels" if scale > 1 else "")


def saved_grid(caption: str, path: Path, alt: str) -> Figure | None:
    """A picture from a run's folder, smaller if it is large; None if it cannot be read as a picture."""
    from gankit.data.image_reading import PixelBound, open_image
    from gankit.data.pictures import caption_of

    try:
        with open_image(path, PixelBound()) as picture:
            caption = "; ".join(filter(None, (caption, caption_of(picture))))
            picture.thumbnail((LARGEST_GRID, LARGEST_GRID))
            picture.save(content := BytesIO(), format="PNG", icc_profile=None)  # its own file may be of any size
            return Figure(caption, address_of(content.getvalue()), alt, picture.width)
    except UserError:
        return None


def address_of(content: bytes, kind: str = "png") -> str:
    """An address that holds the picture itself."""
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
