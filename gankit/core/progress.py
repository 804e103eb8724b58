"""How far a run is: the one clock that all which depends on time is handed, a pure function of the images shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple


def stage_label(resolution: int, name: str = "") -> str:
    """What a stage is called: 8x8, height by height, and its name if it has one, as in 8x8 burn-in."""
    return f"{resolution}x{resolution} {name}".rstrip()


class Stage(NamedTuple):
    """Training at one resolution: its fade, then stable training."""

    resolution: int
    """Height of the images in pixels."""
    images: int
    """Real images shown in this stage, its fade included."""
    fade: int = 0
    """Real images over which the new layers are faded in; 0 switches at once, as where there are none."""
    name: str = ""
    """Tells it from other stages at its resolution."""
    batch: int | None = None
    """Real images a discriminator update; None: as `training.batch` says."""
    rate: float = 1.0
    """Factor on all learning rates."""

    @property
    def label(self) -> str:
        """What it is called, unlike all others of its run."""
        return stage_label(self.resolution, self.name)


def stages_in_short(stages: Sequence[Stage]) -> str:
    """How many stages there are, and from which to which, as in "3 stages, 4x4 to 16x16"."""
    first, last = stages[0].label, stages[-1].label
    return f"1 stage, {first}" if len(stages) == 1 else f"{len(stages)} stages, {first} to {last}"


def at_stages(some: Sequence[Stage], stages: Sequence[Stage]) -> str:
    """Where something is so, as a message ends with it: " (at 8x8, 16x16)", or nothing if it is at all stages."""
    return "" if len(some) == len(stages) else f" (at {', '.join(stage.label for stage in some)})"


def stage_mistakes(stages: Sequence[Stage]) -> Iterator[tuple[int, str, str]]:
    """Why no run can go through possible stages in this order: which one, its field, and what is wrong with that."""
    before, seen = None, set[str]()
    for position, stage in enumerate(stages):
        risen = before is not None and stage.resolution == 2 * before.resolution
        if before is not None and not risen and stage.resolution != before.resolution:
            steps = f"{before.resolution}, as in the stage before, or {2 * before.resolution}"
            yield position, "resolution", f"must be {steps}, not {stage.resolution}"
        elif stage.fade and not risen:
            lacking = "it is the first stage" if before is None else f"the stage before is at {before.resolution} too"
            yield position, "fade", f"there are no new layers to fade in, for {lacking}; leave fade out"
        if stage.fade > stage.images:
            yield position, "fade", f"takes {stage.fade:,} images, but its stage has only {stage.images:,}"
        if stage.label in seen:
            said = f"two stages would be called {stage.label}"
            yield position, "name", f"{said}; give one a name of its own, such as name: fine-tuning"
        before = stage
        seen.add(stage.label)


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
    stage_images: int
    """Real images shown since the stage began."""
    stage_total: int = 0
    """Real images that the stage shows."""
    name: str = ""
    """The stage's name; empty if it has none."""
    resolution_images: int = 0
    """Real images shown since the resolution's first stage began, in which its layers came to take part."""

    @property
    def label(self) -> str:
        """What the stage is called, unlike all others of the run."""
        return stage_label(self.resolution, self.name)

    @property
    def share(self) -> float:
        """How much of the run is over, from 0 to 1."""
        return self.images / self.total if self.images < self.total else 1.0

    @property
    def stage_share(self) -> float:
        """How much of the stage is over, from 0 to 1."""
        return self.stage_images / self.stage_total if self.stage_images < self.stage_total else 1.0

    @property
    def phase(self) -> tuple[int, bool]:
        """What changes when a stage begins and when its fade ends: its number, and whether it fades."""
        return self.stage, self.alpha < 1


def progress_at(stages: Sequence[Stage], images: int) -> Progress:
    """What is in force after `images` images (Karras et al. 2018, section 2 and appendix A).

    At the very image at which a fade begins the stage before is still in force, fully grown. Past the last stage its
    resolution stays.
    """
    limits = ends(stages)
    number = min(sum(end <= images for end in limits) + 1, len(stages))
    stage = stages[number - 1]
    shown = images - (limits[number - 1] - stage.images)
    if stage.fade and shown <= 0 and number > 1:
        return progress_in(stages, number - 1, images)
    return progress_in(stages, number, images, min(1.0, shown / stage.fade) if stage.fade else 1.0)


def progress_in(stages: Sequence[Stage], number: int, images: int, alpha: float = 1.0) -> Progress:
    """A run that has shown `images` images while stage `number`, the first is 1, is in force, fully grown if not told.

    So a stage can be measured at its end, when by the number of images the next has begun.
    """
    limits, stage = ends(stages), stages[number - 1]
    began = limits[number - 1] - stage.images
    first = next(position for position, each in enumerate(stages) if each.resolution == stage.resolution)
    return Progress(
        images=images,
        total=limits[-1],
        stage=number,
        stages=len(stages),
        resolution=stage.resolution,
        alpha=alpha,
        stage_images=images - began,
        stage_total=stage.images,
        name=stage.name,
        resolution_images=images - (limits[first] - stages[first].images),
    )


def ends(stages: Sequence[Stage]) -> list[int]:
    """The number of images shown when each stage ends."""
    return list(accumulate(stage.images for stage in stages))


def crossed(before: int, after: int, every: int | None) -> bool:
    """Whether a multiple of `every` images lies above `before` and not above `after`; never for None."""
    return every is not None and before // every < after // every
