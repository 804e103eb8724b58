"""Iterations of a run as they will be, on random images, to see how long they take and in how much memory."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from gankit.config.experiment import Experiment
from gankit.core.memory import give_back_freed_memory
from gankit.costs.counting import kept_bytes
from gankit.costs.machine import Machine, Took
from gankit.costs.phases import Phase, iteration_kinds
from gankit.costs.random_reals import RandomReals
from gankit.training.trainer import Trainer

GOES = 3
"""How often an iteration of each kind is measured, if there is time."""
LEAST_SECONDS = 1.0
"""Seconds for which iterations of a kind are measured at least, as short ones vary more."""


class Measured(NamedTuple):
    """What iterations of a phase took, on average over those with and without lazy regularizers."""

    took: Took
    """One of them."""
    peak: int | None
    """Bytes of memory at most; None if that cannot be told of a part of a process's life."""


class Measuring:
    """Networks of an experiment that go through iterations wherever a run may stand."""

    def __init__(self, experiment: Experiment, machine: Machine) -> None:
        """Build them.

        Raises:
            UserError: if the data cannot tell its shape.
        """
        self._machine, self._kinds = machine, iteration_kinds(experiment.regularizers)
        final = max(stage.resolution for stage in experiment.stages())
        self.trainer = Trainer(experiment, RandomReals(experiment.data, final), machine.device)
        give_back_freed_memory()  # of rehearsals, say
        self.without = max(0, machine.held - kept_bytes(self.trainer))
        """Bytes that the process, or the GPU, holds of other things than networks."""

    @property
    def kinds(self) -> int:
        """How many iterations a phase needs at least."""
        return len(self._kinds)

    def iterations(self, phase: Phase, seconds: float) -> Measured:
        """Measure a phase in about so many seconds, by one iteration of each kind at least, after one if there is time.

        Raises:
            Exception: whatever a part raises that is broken.
        """
        trainer = self.trainer
        trainer.stages[phase.number - 1] = phase.stage._replace(batch=phase.batch)
        self._machine.forget_peak()
        left, work, wall = seconds, 0.0, 0.0
        for position, kind in enumerate(self._kinds):
            mine: list[Took] = []
            share, used = left / (len(self._kinds) - position), 0.0
            while not mine or (_lacks(mine, used) and used + mine[-1].wall <= share):
                trainer.images, trainer.iterations = phase.middle, kind.first
                mine.append(self._machine.took(trainer.iteration))
                used += mine[-1].wall
            left -= used
            steady = mine[1:] or mine  # the first of all makes what the others find
            work += kind.share * median(took.work for took in steady)
            wall += kind.share * median(took.wall for took in steady)
        return Measured(Took(work, wall), self._machine.peak if self._machine.forgets else None)


def _lacks(goes: Sequence[Took], seconds: float) -> bool:
    """Whether more iterations are wanted than these, which have taken so long."""
    return len(goes) <= GOES or seconds < LEAST_SECONDS
