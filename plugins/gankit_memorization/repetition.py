"""How many images of a set are repetitions of others."""

from __future__ import annotations

import hashlib

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253

from gankit_prdc.neighbors import BLOCK, distances


def copies(nearest: Tensor, expected: Tensor, quantile: float) -> float:
    """Share of images that are as near to a training image as hardly any held-out image is.

    Args:
        nearest: Distance of each image to the nearest training image, [N].
        expected: The same for images that were held out, [M].
        quantile: How many of the held-out are at most that near, as a share.
    """
    return (nearest <= expected.quantile(quantile)).double().mean().item()


def distinct_images(images: Tensor) -> int:
    """How many of the images, uint8 [N, ...], differ in any pixel from all before them."""
    return len({hashlib.blake2b(image.numpy().tobytes(), digest_size=16).digest() for image in images})


def distinct_features(features: Tensor, radius: float, block: tuple[int, int] = BLOCK) -> int:
    """How many of the features [N, D] are farther than `radius` from all before them.

    Args:
        features: In the order that decides which one is the repetition.
        radius: Distance up to which two are the same.
        block: Rows and columns of the matrix of distances that are held at a time; the result does not depend on it.
    """
    rows, columns = block
    numbers = torch.arange(len(features))
    repeated = torch.zeros(len(features), dtype=torch.bool)
    for late, some, mark in zip(numbers.split(rows), features.split(rows), repeated.split(rows), strict=True):
        for early, others in zip(numbers.split(columns), features.split(columns), strict=True):
            if early[0] < late[-1]:
                before = early < late[:, None]
                mark |= ((distances(some, others) <= radius) & before).any(1)
    return len(features) - int(repeated.sum())
