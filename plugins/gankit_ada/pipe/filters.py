"""Filters of wavelets, as matrices that act along one axis of an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
"""Symlet with 2 vanishing moments (Daubechies 1992)."""
SYM6 = (
    *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466),
    *(0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578),
    *(0.0017677118642428036, -0.007800708325034148),
)
"""Symlet with 6 vanishing moments (Daubechies 1992)."""


def filter_matrix(taps: Sequence[float], size: int, margin: int = 0, *, spacing: int = 1) -> Tensor:
    """What a filter makes of `size` pixels and of as many as `margin` of their reflection at either end.

    Pixels stand `spacing` apart, with zeros between, and each adds the filter times itself:
    [spacing * (size + 2 * margin - 1) + taps, size].
    """
    pixels = torch.arange(size + 2 * margin)
    seen = (pixels - margin).remainder(max(2 * size - 2, 1))
    seen = torch.where(seen < size, seen, 2 * size - 2 - seen)
    matrix = torch.zeros(spacing * (len(pixels) - 1) + len(taps), size, dtype=torch.float64)
    rows = spacing * pixels[:, None] + torch.arange(len(taps))
    values = torch.tensor(taps, dtype=torch.float64)
    return matrix.index_put_((rows, seen[:, None]), values, accumulate=True)
