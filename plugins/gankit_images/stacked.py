"""Data with a known number of modes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gankit import Dataset, Images, LabelledImages
from gankit_images.datasets import Digits

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment

DRAW = 3
"""Names the draw among all that depend on a seed."""


class StackedDigits(Dataset):
    """Three of scikit-learn's digits in the three colour channels: 1,000 modes that can be counted.

    After Metz et al. 2017 ("Unrolled GANs", section 3.3.1), who stacked MNIST; measured by
    {use: mode-coverage, stacked: true} with the extractor `digits`.
    """

    images: Annotated[Images, Field(ge=1)] = 25_600
    """How many triples are drawn, as many as Lin et al. 2018 (PacGAN) measure by."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which."""
    labels: bool = False
    """Give each image its three digits, read as a number below 1,000, as its class."""

    def image_channels(self) -> int:
        """Three, one a digit."""
        return 3

    def class_count(self) -> int:
        """The 1,000 triples, or 0 without labels."""
        return 1000 if self.labels else 0

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse what digits refuse."""
        return Digits().problems(experiment)

    def load(self, resolution: int) -> LabelledImages:
        """All triples, uint8 [images, 3, resolution, resolution]."""
        import numpy as np

        digits, classes = Digits(labels=True).load(resolution)
        assert classes is not None
        bits = np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(DRAW,))).random_raw(3 * self.images)
        chosen = (bits % np.uint64(len(digits))).astype(np.int64).reshape(self.images, 3)
        triples = classes[chosen] @ np.array([100, 10, 1])
        return LabelledImages(digits[chosen, 0], triples if self.labels else None)
