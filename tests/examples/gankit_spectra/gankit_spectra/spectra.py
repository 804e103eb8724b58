"""Radially averaged power spectra of images."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1 / 12
"""The power of rounding to whole levels, added to what has a logarithm taken: in a flat image there is no other."""
PIXELS = 2**22
"""How many are transformed at a time."""


def log_spectral_distance(images: Tensor, reals: Tensor) -> float:
    """The distance between the spectra of two sets of images [N, C, H, W], in decibels."""
    one, other = (10 * torch.log10(radial_spectrum(each) + ROUNDING) for each in (images, reals))
    return float((one - other).square().mean().sqrt())


def radial_spectrum(images: Tensor) -> Tensor:
    """The mean power of images [N, C, H, W] at each radius of frequency, from 1 up to the corners; float64 [radii].

    A radius is a whole number of cycles along the longer side. White noise has its variance as its power everywhere.
    """
    height, width = images.shape[2:]
    power = torch.zeros(height, width, dtype=torch.float64)
    for some in images.split(max(1, PIXELS // images[0].numel())):
        power += torch.fft.fft2(some.double(), norm="ortho").abs().square().sum((0, 1))
    rows, columns = (torch.fft.fftfreq(size, dtype=torch.float64) for size in (height, width))
    radius = torch.hypot(rows[:, None], columns) * max(height, width)
    _, ring, members = radius.round().flatten().unique(return_inverse=True, return_counts=True)
    total = torch.zeros(len(members), dtype=torch.float64).index_add_(0, ring, power.flatten())
    return (total / (members * images.shape[0] * images.shape[1]))[1:]
