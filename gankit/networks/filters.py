"""Resampling through finite impulse response (FIR) filters, differentiable any number of times.

Feature maps are doubled by zeros between their pixels and halved by leaving every second out; the filter keeps the one
from showing and the other from aliasing (Zhang 2019; Karras et al. 2020, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit.networks.operations import conv2d


class Padding(NamedTuple):
    """Zeros around a map in pixels; where negative, so many pixels are cut off."""

    left: int
    right: int
    top: int
    bottom: int


def fir(taps: Sequence[float]) -> Tensor:
    """The square kernel [T, T] whose rows and columns are `taps`, with a sum of 1."""
    row = torch.tensor(taps, dtype=torch.float64)
    kernel = torch.outer(row, row)
    return (kernel / kernel.sum()).float()


def resample(
    x: Tensor,
    kernel: Tensor,
    padding: Padding,
    *,
    up: int | tuple[int, int] = 1,
    down: int = 1,
    gain: float = 1.0,
    flip: bool = False,
) -> Tensor:
    """Put zeros between the pixels, pad, convolve each map with `kernel`, and keep every `down`-th pixel.

    Args:
        x: Feature maps [N, C, H, W].
        kernel: A filter [kh, kw].
        padding: Around the map when it has its zeros.
        up: Each pixel becomes so many, of which all but the first are zeros; down and across, if these differ.
        down: One pixel of so many is kept.
        gain: Factor on the result; as many as each pixel becomes keeps the mean.
        flip: Correlate, as neural networks do, in place of the convolution of signal processing.
    """
    channels, height, width = x.shape[1:]
    rows, columns = up if isinstance(up, tuple) else (up, up)
    if rows * columns > 1:
        x = F.pad(x[:, :, :, None, :, None], (0, columns - 1, 0, 0, 0, rows - 1))
        x = x.reshape(-1, channels, height * rows, width * columns)
    x = F.pad(x, padding)
    weight = (kernel if flip else kernel.flip((0, 1))).to(x) * gain
    return conv2d(x, weight.expand(channels, 1, *kernel.shape), stride=down, groups=channels)


def doubled(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice the height and width of [N, C, H, W], the mean kept."""
    size = kernel.shape[0]
    before, after = (size + 1) // 2, (size - 2) // 2
    return resample(x, kernel, Padding(before, after, before, after), up=2, gain=4.0)


def halved(x: Tensor, kernel: Tensor) -> Tensor:
    """Half the height and width of [N, C, H, W]."""
    size = kernel.shape[0]
    before, after = (size - 1) // 2, (size - 2) // 2
    return resample(x, kernel, Padding(before, after, before, after), down=2)


def blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """Blur [N, C, H, W], keeping height and width."""
    size = kernel.shape[0]
    before, after = size // 2, (size - 1) // 2
    return resample(x, kernel, Padding(before, after, before, after))


class Resample(nn.Module):
    """`doubled`, `halved` or `blurred` as a module, by one filter."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float], direction: str | None = None) -> None:
        super().__init__()
        self.register_buffer("kernel", fir(taps), persistent=False)
        self.by = {"up": doubled, "down": halved, None: blurred}[direction]
        self.reach = len(taps) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Resample [N, C, H, W]."""
        return self.by(x, self.kernel)
