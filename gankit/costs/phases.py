"""What of a run costs alike: a stage as it fades in, the rest of it, iterations with the same regularizers due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import lcm
from typing import NamedTuple

from gankit.config.experiment import Experiment
from gankit.core.progress import Stage, ends
from gankit.kinds import Regularizer

LONGEST_PERIOD = 10_000
"""Iterations that are looked at to see which regularizers are due together."""


class Phase(NamedTuple):
    """A part of a stage whose iterations cost alike."""

    number: int
    """Of the stage, the first is 1."""
    stage: Stage
    """The stage."""
    fades: bool
    """Whether its new layers are being faded in."""
    images: int
    """Reals that the phase shows."""
    middle: int
    """Reals that the run has shown in the midst of it."""
    batch: int
    """Reals a discriminator update."""
    discriminator_steps: int
    """Discriminator updates an iteration."""

    @property
    def label(self) -> str:
        """What it is called, such as "8x8 fading"."""
        return f"{self.stage.label}{' fading' if self.fades else ''}"

    @property
    def iterations(self) -> float:
        """How many it takes."""
        return self.images / (self.batch * self.discriminator_steps)


def phases(experiment: Experiment, stages: Sequence[Stage] | None = None) -> list[Phase]:
    """The phases of a run in order; of `stages`, if these are not to be those of the experiment."""
    return list(_phases(experiment, experiment.stages() if stages is None else stages))


def _phases(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Phase]:
    training = experiment.training
    for number, (stage, end) in enumerate(zip(stages, ends(stages), strict=True), 1):
        begin = end - stage.images
        fade = stage.fade if begin else 0
        for fades, images, since in ((True, fade, begin), (False, stage.images - fade, begin + fade)):
            if images:
                middle = since + (images + 1) // 2
                yield Phase(
                    number, stage, fades, images, middle, training.batch_in(stage), training.discriminator_steps
                )


class IterationKind(NamedTuple):
    """Iterations in which the same lazy regularizers are due."""

    first: int
    """The number of the first."""
    share: float
    """Of all iterations."""


def iteration_kinds(regularizers: Sequence[Regularizer]) -> list[IterationKind]:
    """All that there are, from that with the fewest due."""
    intervals = sorted({regularizer.every for regularizer in regularizers})
    period = min(LONGEST_PERIOD, lcm(*intervals))
    due = [tuple(every for every in intervals if number % every == 0) for number in range(period)]
    shares = Counter(due)
    kinds = [IterationKind(due.index(which), count / period) for which, count in shares.items()]
    return sorted(kinds, key=lambda kind: len(due[kind.first]))
