"""The sliced Wasserstein distance between patches of images (Karras et al. 2018, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor  # noqa: TID253

from gankit.data.images import images_at_a_time

PATCHES = 128
"""Drawn from each image at each level."""
SIDE = 7
"""Height and width of a patch in pixels; of a smaller image, its shorter side."""
DIRECTIONS = 512
"""Onto which patches are projected: 4 times 128."""
COARSEST = 16
"""The last level's shorter side in pixels; smaller images have one level."""
FLAT = 1e-6
"""Channels whose standard deviation is below that, in levels of 0 to 255, are left as they are."""
PROJECTIONS = 2**26
"""Projections of each set that are held at a time, 256 MiB; more if the images themselves take more."""


def sliced_wasserstein(one: Tensor, other: Tensor, projections: int | None = None) -> dict[int, float]:
    """The distance between two sets of images at each level of their Laplacian pyramids, by the level's height.

    Patches and directions are drawn at random, always the same, without touching torch's global generator. In each set
    by itself, the patches' colour channels are brought to mean 0 and deviation 1.

    Args:
        one: uint8 [N, C, H, W].
        other: uint8 [N, C, H, W], as many.
        projections: How many of each set are held at a time; the result does not depend on it.
    """
    generator = torch.Generator().manual_seed(0)
    at_a_time = max(1, (projections or max(PROJECTIONS, one.numel() // 4)) // (len(one) * PATCHES))
    distances: dict[int, float] = {}
    for level, (height, width) in enumerate(sizes(*one.shape[2:])):
        side = min(SIDE, height, width)
        sets = [
            PatchSet(images, level, side, *(places(length, side, len(images), generator) for length in (height, width)))
            for images in (one, other)
        ]
        directions = unit_vectors(DIRECTIONS, one.shape[1] * side**2, generator)
        apart = [wasserstein(*(patches.projected(some) for patches in sets)) for some in directions.split(at_a_time)]
        distances[height] = torch.cat(apart).mean().item()
    return distances


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of each level of the pyramid, from the images themselves down."""
    levels = [(height, width)]
    while min(height, width) >= 2 * COARSEST:
        height, width = (height + 1) // 2, (width + 1) // 2
        levels.append((height, width))
    return levels


def places(length: int, side: int, images: int, generator: torch.Generator) -> Tensor:
    """Where in a row or column of `length` pixels patches of each image begin, int64 [images, PATCHES]."""
    return torch.randint(length - side + 1, (images, PATCHES), generator=generator)


def unit_vectors(count: int, width: int, generator: torch.Generator) -> Tensor:
    """Directions [count, width], float32, none likelier than another."""
    return F.normalize(torch.randn(count, width, generator=generator), dim=1)


def wasserstein(one: Tensor, other: Tensor) -> Tensor:
    """Distance [K] of two sets of N numbers each, in K cases; both sets, [K, N], are overwritten."""
    for numbers in (one, other):
        numbers.numpy().sort(axis=1)  # in place, and many times as fast as torch's
    return torch.from_numpy(one.sub_(other).abs_().numpy().mean(axis=1, dtype=np.float64))


@dataclass(frozen=True)
class PatchSet:
    """Patches of images at one level, cut out anew whenever they are asked for: kept, they would fill gigabytes."""

    images: Tensor
    """uint8 [N, C, H, W]."""
    level: int
    """0 is the finest."""
    side: int
    """Height and width of each patch."""
    rows: Tensor
    """Row of each patch's first pixel, int64 [N, PATCHES]."""
    columns: Tensor
    """Column of each patch's first pixel, int64 [N, PATCHES]."""

    def projected(self, directions: Tensor) -> Tensor:
        """Patches with channels of mean 0, deviation 1 along directions [K, C * side**2]: float32 [K, N * PATCHES]."""
        numbers = torch.empty(len(directions), len(self.images) * PATCHES)
        first = 0
        for patches in self._batches(*self._moments):
            numbers[:, first : first + len(patches)] = directions @ patches.flatten(1).t()
            first += len(patches)
        return numbers

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel in all patches, float32 [C]."""
        total, squares = torch.zeros(2, self.images.shape[1], dtype=torch.float64)
        for patches in self._batches():
            pixels = patches.double()
            total += pixels.sum((0, 2, 3))
            squares += (pixels**2).sum((0, 2, 3))
        count = self.rows.numel() * self.side**2
        mean = total / count
        deviation = (squares / count - mean**2).clamp_min(0).sqrt()
        return mean.float(), torch.where(deviation < FLAT, 1, deviation).float()

    def _batches(self, mean: Tensor | float = 0.0, deviation: Tensor | float = 1.0) -> Iterator[Tensor]:
        """All patches after subtraction of `mean` and division by `deviation`, of some images at a time.

        Yields:
            float32 [n * PATCHES, C, side, side].
        """
        at_a_time = images_at_a_time(self.images.shape[2])
        parts = (part.split(at_a_time) for part in (self.images, self.rows, self.columns))
        for images, rows, columns in zip(*parts, strict=True):
            pixels = (laplacian(images.float(), self.level).permute(0, 2, 3, 1) - mean) / deviation
            windows = pixels.contiguous().unfold(1, self.side, 1).unfold(2, self.side, 1)
            yield windows[torch.arange(len(images))[:, None], rows, columns].flatten(0, 1)


def laplacian(images: Tensor, level: int) -> Tensor:
    """One level of the pyramid of images [N, C, H, W]: what halving takes away, or what is left at last.

    Burt and Adelson 1983, as OpenCV's pyrDown and pyrUp do it.
    """
    last = len(sizes(*images.shape[2:])) - 1
    for _ in range(level):
        images = blurred(images, step=2)
    if level == last:
        return images
    sparse = torch.zeros_like(images)
    sparse[:, :, ::2, ::2] = 4 * blurred(images, step=2)
    return images - blurred(sparse)


def blurred(images: Tensor, step: int = 1) -> Tensor:
    """Every `step`-th pixel of images [N, C, H, W] after the binomial filter of width 5, mirrored about their edges."""
    blurred = F.pad(images, (2, 2, 2, 2), mode="reflect")
    for dimension in (2, 3):
        first, second, middle, fourth, fifth = blurred.unfold(dimension, 5, step).unbind(-1)
        blurred = (first + fifth + 4 * (second + fourth) + 6 * middle) / 16
    return blurred
