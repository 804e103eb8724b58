"""Growth as a pure function of the number of real images shown to the discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple


class Stage(NamedTuple):
    """Training at one resolution: its fade, then stable training."""

    resolution: int
    """Height of the images in pixels."""
    images: int
    """Real images shown in this stage, its fade included."""
    fade: int = 0
    """Real images over which the new layers are faded in; 0 switches at once."""


class Moment(NamedTuple):
    """What is in force after some number of images."""

    stage: int
    """Position of the stage, the first is 0."""
    resolution: int
    """Height of the images in pixels."""
    alpha: float
    """Weight of the newest layers: 0 not yet seen, 1 fully grown."""

    @property
    def phase(self) -> tuple[int, bool]:
        """What changes when a fade begins and when it ends: the resolution, and whether it fades."""
        return self.resolution, self.alpha < 1


def moment(stages: Sequence[Stage], images: int) -> Moment:
    """The stage, resolution and alpha in force after `images` images (Karras et al. 2018, section 2 and appendix A).

    At the very image at which a fade begins the resolution before is still in force, fully grown. Past the last
    stage its resolution stays.
    """
    limits = ends(stages)
    position = min(sum(end <= images for end in limits), len(stages) - 1)
    stage = stages[position]
    shown = images - (limits[position] - stage.images)
    if stage.fade and shown <= 0 and position:
        return Moment(position - 1, stages[position - 1].resolution, 1.0)
    return Moment(position, stage.resolution, min(1.0, shown / stage.fade) if stage.fade else 1.0)


def ends(stages: Sequence[Stage]) -> list[int]:
    """The number of images shown when each stage ends."""
    return list(accumulate(stage.images for stage in stages))


def crossed(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of `every` images lies above `before` and not above `after`; never for None."""
    return every is not None and before // every < after // every


class Progress(NamedTuple):
    """Where a run stands."""

    images: int
    """Real images shown to the discriminator so far."""
    total: int
    """Real images that the whole run shows."""
    stage: int
    """Number of the stage, the first is 1."""
    stages: int
    """Number of stages."""
    resolution: int
    """Height of the images in pixels."""
    alpha: float
    """Weight of the newest layers, from 0 to 1 while they fade in."""
