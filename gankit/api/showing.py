"""Looking at images from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gankit.data.pictures import as_image, grid

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor


def as_picture(
    images: Tensor | np.ndarray, columns: int | None = None, scale: int | None = None, names: Sequence[str] = ()
) -> Image:
    """Images laid out in rows, as a picture that notebooks show and that `.save("grid.png")` writes.

    Args:
        images: [N, C, H, W], uint8 from 0 to 255 or floating point from -1 to 1.
        columns: Images a row; default: as near to a square as it gets.
        scale: Whole number by which each pixel is repeated; default: the least that makes images 64 pixels high.
        names: What is written to the left of the rows.

    Raises:
        UserError: if they are of another form, or not finite.
    """
    from gankit.api.measuring import as_uint8

    return as_image(grid(as_uint8(images).transpose(0, 2, 3, 1), columns, scale=scale, names=names))
