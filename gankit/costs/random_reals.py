"""Random images of the shape of an experiment's data, which need not be here."""

from __future__ import annotations

import numpy as np

from gankit.core.errors import UserError
from gankit.data.images import RealImages
from gankit.kinds import Dataset

COUNT = 16
"""Images at each resolution, shown again and again."""


class RandomReals(RealImages):
    """Noise in place of a data set's images, of the same shape and with as many classes or attributes."""

    def __init__(self, dataset: Dataset, final: int) -> None:
        """Take the shape of `dataset` at a height of `final` pixels.

        Raises:
            UserError: if the data set cannot tell how many classes or attributes it has, as its images are not here.
        """
        self.final, self._dataset, self._orders, self._prepared = final, dataset, {}, None
        try:
            self._channels, self._aspect, classes = dataset.image_channels(), dataset.aspect(), dataset.class_count()
            self.attribute_names = [*dataset.attribute_names()]
        except UserError as lack:
            raise UserError(f"data: {lack}; without it nobody knows how many classes there are") from lack
        self._drawn = np.random.Generator(np.random.PCG64(0))
        self._levels = {}
        self.labels = np.arange(COUNT, dtype=np.int64) % classes if classes else None
        self.class_names = [str(number) for number in range(classes)]
        if self.attribute_names:
            self.labels = self._drawn.standard_normal((COUNT, len(self.attribute_names)), dtype=np.float32)

    @property
    def count(self) -> int:
        """Number of images."""
        return COUNT

    def spread(self, count: int) -> RandomReals:
        """Itself, whose images are few."""
        return self

    def at(self, resolution: int) -> np.ndarray:
        """All images at a height, uint8 [N, channels, resolution, W]; made when first asked for."""
        if resolution not in self._levels:
            size = (COUNT, self._channels, resolution, round(resolution * self._aspect))
            self._levels[resolution] = self._drawn.integers(0, 256, size, dtype=np.uint8)
        return self._levels[resolution]
