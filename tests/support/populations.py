"""Images as metrics are given them, without a run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from support.tiny import CPU

from gankit import Extractor
from gankit.data.images import Batch, to_network_range
from gankit.evaluation.images import Extraction, ImageSet, ImageSource, Need, Samples
from gankit_fidelity.extractors import Digits

EVERYTHING: frozenset[Need] = frozenset({"features", "logits", "images", "statistics"})


def population(
    images: np.ndarray, extractor: Extractor | None = None, batch: int = 64, keep: frozenset[Need] = EVERYTHING
) -> ImageSet:
    """Images, uint8 [N, C, H, W], through `extractor`, by default that of digits."""
    chosen = extractor or Digits()
    pixels = torch.from_numpy(np.ascontiguousarray(images))

    def batches() -> Iterator[Batch]:
        return (Batch(to_network_range(some)) for some in pixels.split(batch))

    extraction = Extraction(chosen.load(CPU), {"extractor": chosen.identity()}, keep)
    return ImageSet(ImageSource(len(images), images.shape[2], batches), extraction)


def samples(generated: np.ndarray, real: np.ndarray, held_out: np.ndarray | None = None) -> Samples:
    """What a metric is given of images, uint8 [N, C, H, W]."""
    reals = population(real)
    others = None if held_out is None else population(held_out)
    return Samples(population(generated), reals, reals, others, reals)
