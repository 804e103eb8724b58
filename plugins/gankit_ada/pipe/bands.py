"""Image-space filtering: four bands of frequencies, each amplified or weakened."""

from __future__ import annotations

from functools import cache, reduce

import numpy as np
import torch
from torch import Tensor

from gankit_ada.pipe.constants import constant, row
from gankit_ada.pipe.draws import Draws, replaced
from gankit_ada.pipe.filters import SYM2, filter_matrix

POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""The share of each band in the power of natural images, lowest frequencies first."""


def filtered(images: Tensor, draws: Draws) -> Tensor:
    """Amplify the bands of each of [N, C, H, W] as drawn; what lies beyond the edges is its mirror image."""
    gains = amplified(draws)

    def by_gains(some: Tensor, numbers: Tensor) -> Tensor:
        bands = (constant(some, _bands, n) for n in (some.shape[3], some.shape[2]))
        across, down = (torch.tensordot(gains[numbers], each, 1) for each in bands)
        return down[:, None] @ (some @ across[:, None].mT)

    return replaced(images, (gains != 1).any(1), by_gains)


def amplified(draws: Draws) -> Tensor:
    """Factors [N, 4] of the bands; whichever are amplified, natural images keep their power."""
    gains = 2 ** torch.cat([draws.normal("filter", 1.0) for _ in POWER], 1)
    power = 1 + constant(gains, row, *POWER) * (gains.square() - 1)
    return gains / power.prod(1, keepdim=True).sqrt()


@cache
def bank() -> np.ndarray:
    """The filters [4, 43] that pass one band each, lowest frequencies first; they add up to the identity.

    With H the wavelet's low-pass and H'(z) = H(-z) its high-pass filter, those of the bands from low to high are L(z)
    L(z^2) L(z^4), L(z) L(z^2) L'(z^4), L(z) L'(z^2) and L'(z), where L(z) = H(z) H(1/z) / 2 (appendix B.3).
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** (np.arange(len(low)) - len(low) // 2)
    levels = [(_spread(low, 2**level), _spread(high, 2**level)) for level in range(3)]
    bands = [reduce(np.convolve, [low for low, _ in levels])]
    for level in reversed(range(3)):
        bands.append(reduce(np.convolve, [*(low for low, _ in levels[:level]), levels[level][1]]))
    longest = len(bands[0])
    return np.stack([np.pad(band, (longest - len(band)) // 2) for band in bands])


def _spread(taps: np.ndarray, spacing: int) -> np.ndarray:
    """With zeros between the taps: of H(z) that of H(z^spacing)."""
    spread = np.zeros(spacing * (len(taps) - 1) + 1)
    spread[::spacing] = taps
    return spread


def _bands(size: int) -> Tensor:
    """What passes of `size` pixels along an axis in each band, [4, size, size]."""
    filters = bank()
    reach = filters.shape[1] // 2
    return torch.stack([filter_matrix(taps, size, reach)[2 * reach : 2 * reach + size] for taps in filters])
