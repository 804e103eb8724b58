"""Data sets that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Component, Dataset, LabelledImages, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Right(Dataset):
    """Grey noise in three classes, in which the others go wrong."""

    seed: int = Field(default=0, ge=0)
    """Decides the noise."""
    labels: bool = False
    """Give each image a class."""

    def image_channels(self) -> int:
        """One, grey."""
        return 1

    def class_count(self) -> int:
        """Three, or 0 without labels."""
        return 3 if self.labels else 0

    def load(self, resolution: int) -> LabelledImages:
        """Thirty images."""
        import numpy as np

        draws = np.random.default_rng([self.seed, resolution])
        return LabelledImages(self.pixels(draws, resolution), np.arange(30) % 3 if self.labels else None)

    def pixels(self, draws: np.random.Generator, resolution: int) -> np.ndarray:
        """The images."""
        return draws.integers(0, 256, (30, 1, resolution, resolution)).astype("uint8")


class Floats(Right):
    """Gives images from 0 to 1."""

    def pixels(self, draws: np.random.Generator, resolution: int) -> np.ndarray:
        """The images."""
        return draws.random((30, 1, resolution, resolution)).astype("float32")


class ChannelsLast(Right):
    """Has its channels where Pillow has them."""

    def pixels(self, draws: np.random.Generator, resolution: int) -> np.ndarray:
        """The images."""
        return draws.integers(0, 256, (30, resolution, resolution, 1)).astype("uint8")


class OneSize(Right):
    """Has the resolution of its files, whatever was asked for."""

    def pixels(self, draws: np.random.Generator, resolution: int) -> np.ndarray:
        """The images."""
        return super().pixels(draws, 8)


class FromOne(Right):
    """Numbers its classes from one."""

    def load(self, resolution: int) -> LabelledImages:
        """Thirty images."""
        images, labels = super().load(resolution)
        return LabelledImages(images, None if labels is None else labels + 1)


class Shuffled(Right):
    """Comes in another order every time."""

    def load(self, resolution: int) -> LabelledImages:
        """Thirty images."""
        import numpy as np

        images, labels = super().load(resolution)
        order = np.random.permutation(len(images))
        return LabelledImages(images[order], None if labels is None else labels[order])


class Augmented(Right):
    """Mirrors some images when they are loaded."""

    def load(self, resolution: int) -> LabelledImages:
        """Thirty images."""
        import random

        images, labels = super().load(resolution)
        for image in images:
            if random.random() < 0.5:
                image[:] = image[:, :, ::-1].copy()
        return LabelledImages(images, labels)


class TestsItself(Right):
    """Tests on what is trained on."""

    def test_part(self) -> Dataset:
        """The same."""
        return self


class TestsWithoutLabels(Right):
    """Has a test part without labels."""

    def test_part(self) -> Dataset:
        """Other noise."""
        return Right(seed=self.seed + 1)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("loads-what-it-says", Floats)
    register("loads-what-it-says.2", ChannelsLast)
    register("loads-what-it-says.3", OneSize)
    register("loads-what-it-says.4", FromOne)
    register("loads-the-same-again", Shuffled)
    register("loads-the-same-again.2", Augmented)
    register("tests-on-other-images", TestsItself)
    register("tests-on-other-images.2", TestsWithoutLabels)
