"""Data sets that are drawn, of as many images as asked for: what is in them is known."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gankit import Dataset, Images, LabelledImages
from gankit_images.modes import UNITS, Layout, places_of_modes

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit_images.drawings import Drawings

KINDS = ("circle", "square", "triangle", "diamond", "cross", "ring")
"""The shapes, in the order of their numbers."""
LARGEST = 256
"""The highest resolution at which is drawn."""


class Procedural(Dataset):
    """Images that are drawn when they are first needed, and kept in the cache; they are of classes in turn."""

    images: Annotated[Images, Field(ge=1, le=10_000_000)] = 10_000
    """How many are drawn."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which."""
    labels: bool = False
    """Give each image its class."""

    @abstractmethod
    def drawings(self) -> Drawings:
        """What draws them."""

    @abstractmethod
    def kinds(self) -> Sequence[str]:
        """What its classes are called; image number n is of the n-th, and so on in turn."""

    def image_channels(self) -> int:
        """One, grey."""
        return 1

    def class_count(self) -> int:
        """As many as there are kinds, or 0 without labels."""
        return len(self.class_names())

    def class_names(self) -> Sequence[str]:
        """Its kinds, or none without labels."""
        return self.kinds() if self.labels else ()

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse sizes whose pixels are no whole number of the units that are drawn in."""
        final = max(stage.resolution for stage in experiment.growth.stages())
        if final > LARGEST or final.bit_count() != 1:
            yield f"these are drawn at powers of two up to {LARGEST}, but the growth ends at {final}x{final}"

    def missing(self, experiment: Experiment) -> str | None:
        """Room in the cache."""
        from gankit.data.prepared import lack_of_room

        final = max(stage.resolution for stage in experiment.growth.stages())
        return lack_of_room(self.drawings(), self.image_channels(), final, final)

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [images, channels, resolution, resolution].

        Raises:
            UserError: if there is no room for them.
        """
        import numpy as np

        from gankit.data.prepared import FromDisk, prepared

        kept = prepared(self.drawings(), self.image_channels(), resolution, resolution)
        labels = np.arange(self.images, dtype=np.int64) % len(self.kinds()) if self.labels else None
        return FromDisk.of(kept, resolution, labels)


class Shapes(Procedural):
    """A simple shape on black in each image: circle, square, triangle, diamond, cross or ring, each as often.

    Colour, size and place are drawn from a seed, evenly, and all by whole numbers: every machine draws the same bytes.
    """

    channels: Literal[1, 3] = 3
    """1: grey, 3: RGB; the same images."""

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def kinds(self) -> Sequence[str]:
        """The shapes."""
        return KINDS

    def drawings(self) -> Drawings:
        """What draws them."""
        from gankit_images.drawings import ShapesOnBlack

        return ShapesOnBlack(self.images, self.seed, KINDS, self.channels)


class Mixture(Procedural):
    """A bright spot on black in each image, near one of some places: a mixture of modes, which can be counted.

    What Metz et al. 2017 and Lin et al. 2018 show with points in the plane, as images: spots lie nearly normally about
    their places, each of which has as many. The extractor `nearest-mode` sees where a spot is, so that {use:
    mode-coverage} counts the modes and FID compares places. All is drawn by whole numbers, the same bytes on every
    machine.
    """

    layout: Layout = "ring"
    """ring: modes on a circle; grid: on a square of as many rows as columns."""
    modes: Annotated[int, Field(ge=1, le=400)] = 8
    """How many there are; in a grid the square of a whole number."""
    spread: Annotated[float, Field(ge=0, le=0.1)] = 0.01
    """Standard deviation of a spot's distance from its place along each axis, as a share of the width."""

    def kinds(self) -> Sequence[str]:
        """The numbers of the modes."""
        return [str(mode) for mode in range(self.modes)]

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse grids that are not square, too."""
        yield from super().problems(experiment)
        yield from mistakes_of_layout(self.layout, self.modes)

    def drawings(self) -> Drawings:
        """What draws them."""
        from gankit_images.drawings import Spots

        return Spots(self.images, self.seed, places_of_modes(self.layout, self.modes), round(self.spread * UNITS))


def mistakes_of_layout(layout: Layout, modes: int) -> Iterable[str]:
    """Say that a grid of so many modes is not square."""
    side = math.isqrt(modes)
    if layout == "grid" and side**2 != modes:
        yield f"modes: a grid has as many rows as columns, {side**2} or {(side + 1) ** 2} modes, not {modes}"
