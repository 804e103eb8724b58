from __future__ import annotations

from gankit import Dataset, LabelledImages, hookimpl
from pydantic import Field


class ExampleDataset(Dataset):
    """Discs of any grey, place and size on black, drawn as finely as the resolution allows."""

    count: int = Field(default=1_000, ge=1, le=1_000_000)
    """How many images there are."""
    seed: int = Field(default=0, ge=0)
    """Decides all of them."""

    def image_channels(self) -> int:
        """One, grey."""
        return 1

    def load(self, resolution: int) -> LabelledImages:
        """All discs, uint8 [count, 1, resolution, resolution]."""
        import numpy as np

        random = np.random.default_rng(self.seed)
        pixels = (np.arange(resolution) + 0.5) / resolution
        images = np.empty((self.count, 1, resolution, resolution), np.uint8)
        for image in images[:, 0]:
            x, y, radius, grey = random.uniform((0.3, 0.3, 0.1, 100), (0.7, 0.7, 0.3, 255))
            inside = (radius - np.hypot(pixels - x, pixels[:, None] - y)) * resolution  # in pixels from the edge
            image[:] = grey * np.clip(inside + 0.5, 0, 1)
        return LabelledImages(images, None)


@hookimpl
def gankit_register(register):
    register("example", ExampleDataset)
