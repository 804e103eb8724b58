"""Ways in which images get worse, as a classifier sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from support.tiny import CPU
from torch import Tensor

from gankit.data.images import permutation, reduced, to_network_range
from gankit.evaluation.passes import for_extractor
from gankit_fidelity.extractors import BundledClassifier

SEEDS = range(3)


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    """Images, uint8 [N, C, H, W], with white noise, always the same."""
    return levels(images + sigma * np.random.default_rng(0).standard_normal(images.shape))


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    return levels(gaussian_filter(images.astype(float), (0, 0, sigma, sigma)))


def coarse(images: np.ndarray, resolution: int) -> np.ndarray:
    factor = images.shape[2] // resolution
    return reduced(images, resolution).repeat(factor, axis=2).repeat(factor, axis=3)


def repeated(images: np.ndarray, unique: int) -> np.ndarray:
    """As many images, of which only the first few are there."""
    return images[np.arange(len(images)) % unique]


def levels(images: np.ndarray) -> np.ndarray:
    return images.clip(0, 255).round().astype(np.uint8)


@dataclass(frozen=True)
class Material:
    """Images of known classes, and what a classifier sees in them."""

    classifier: BundledClassifier
    images: np.ndarray
    classes: np.ndarray

    def halves(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of some images and of as many others to compare them with, for each seed."""
        half = len(self.images) // 2
        for seed in SEEDS:
            order = permutation(len(self.images), seed).copy()  # writeable, as torch wants it
            yield order[:half], order[half : 2 * half]

    @cached_property
    def features(self) -> Tensor:
        """Of the images as they are."""
        return self.seen(self.images)

    def seen(self, images: np.ndarray) -> Tensor:
        """Features [N, D] of images."""
        extract = self.classifier.load(CPU)
        with torch.no_grad():
            batches = to_network_range(torch.from_numpy(images)).split(256)
            return torch.cat([extract(for_extractor(batch)).pooled for batch in batches])


def rises(numbers: Sequence[float], floor: float) -> bool:
    """Whether each number is above the one before; those up to `floor`, what reals reach, are equal."""
    return all(low < high or max(low, high) <= floor for low, high in pairwise(numbers))
