"""What can be measured on images of strokes: how far they lean, and how thick they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np


def slant(ink: np.ndarray) -> np.ndarray:
    """By how many pixels strokes go to the right for each that they go up, float64 [N].

    That is -m11 / m02 of the second central moments of ink, with y downwards: the shear that would set them upright.

    Args:
        ink: [N, H, W], from 0 up; of images without ink the slant is 0.
    """
    height, width = ink.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    whole = np.maximum(ink.sum((1, 2)), 1e-9)[:, None, None]
    x, y = (axis - (ink * axis).sum((1, 2), keepdims=True) / whole for axis in (x, y))
    along, across = (ink * y * y).sum((1, 2)), (ink * x * y).sum((1, 2))
    return -across / np.maximum(along, 1e-9)


def thickness(ink: np.ndarray) -> np.ndarray:
    """How thick strokes are in pixels, float64 [N]: twice the ink over the length of its outline.

    A stroke of length L and thickness T has LT of ink and an outline of about 2L. The outline is the sum of |gradient|
    over the image (the coarea formula), by differences of neighbours; ink goes on as black beyond the edge.

    Args:
        ink: [N, H, W], from 0 to 1; of images without ink the thickness is 0.
    """
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    right, down = framed[:, :-1, 1:] - framed[:, :-1, :-1], framed[:, 1:, :-1] - framed[:, :-1, :-1]
    outline = np.hypot(right, down).sum((1, 2))
    return 2 * ink.sum((1, 2)) / np.maximum(outline, 1e-9)


MEASURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"slant": slant, "thickness": thickness}
"""What is measured, by its name."""


def standardized(images: np.ndarray, of: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """What is measured on images, in standard deviations from its mean over others, float32 [N, names].

    Args:
        images: uint8 [N, H, W], of white ink on black.
        of: Images of the same kind and size whose mean is 0 and whose standard deviation is 1.
        names: What is measured, of `MEASURES`.
    """
    columns = []
    for name in names:
        found, usual = (MEASURES[name](each.astype(np.float64) / 255) for each in (images, of))
        columns.append((found - usual.mean()) / usual.std())
    return np.stack(columns, axis=1).astype(np.float32)
