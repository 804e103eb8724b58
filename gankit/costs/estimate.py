"""What a run will cost, as it is estimated before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, NamedTuple

from gankit.config.experiment import Experiment
from gankit.costs.counting import IterationCount
from gankit.costs.evaluating import EvaluationCost
from gankit.costs.phases import Phase

Source = Literal["measured", "extrapolated"]


@dataclass(frozen=True)
class PhaseEstimate:
    """What a phase costs."""

    phase: Phase
    count: IterationCount | None
    """What an iteration asks for; None if that cannot be told without numbers."""
    seconds: float
    """Of an iteration."""
    time_is: Source
    memory: int | None
    """Bytes at most; None if nothing tells."""
    memory_is: Source

    @property
    def total(self) -> float:
        """Seconds of the phase."""
        return self.seconds * self.phase.iterations


BUSY = 1.5
"""Seconds that pass while CPUs work for one, from which on that is worth a word."""


def pace_of(estimates: Sequence[Estimate]) -> float:
    """Seconds that passed while CPUs worked for one as a machine was measured, if that is worth a word, or else 1."""
    pace = median(estimate.pace for estimate in estimates)
    return pace if pace > BUSY else 1.0


def notes_of(estimates: Sequence[Estimate]) -> list[str]:
    """What else is to be known of some estimates of one machine, each thing once."""
    notes = dict.fromkeys(note for estimate in estimates for note in estimate.notes)
    pace = pace_of(estimates)
    if pace > 1:
        busy = f"this machine is busy: the CPUs worked for this process in {1 / pace:.0%} of the time"
        return [f"{busy}, which all times of the table go by", *notes]
    return list(notes)


class Setting(NamedTuple):
    """What is set otherwise, so that a stage takes less memory."""

    micro_batch: int | None
    """Real images that are computed at a time there; None: as many as now."""
    activation_checkpointing: bool
    """Whether it is switched on, which it was not."""
    memory: int
    """Bytes at most, extrapolated."""

    @property
    def is_micro_batch_alone(self) -> bool:
        """Whether nothing else is set."""
        return self.micro_batch is not None and not self.activation_checkpointing


class Fitting(NamedTuple):
    """What a stage that does not fit into memory would fit with."""

    phase: Phase
    """That which takes most of it."""
    would_fit: Sequence[Setting]
    """Each by itself, with as many images at a time as fit; none if nothing does."""
    least: Setting | None
    """What takes least of all if nothing fits; None also if there is nothing to be set."""


@dataclass(frozen=True)
class Estimate:
    """What a run costs."""

    experiment: Experiment
    machine: str
    """Where, in words."""
    device: str
    """Its kind: cpu, cuda or mps."""
    memory: int | None
    """Bytes that the machine has; None if nobody knows."""
    phases: Sequence[PhaseEstimate]
    evaluation: EvaluationCost
    notes: Sequence[str] = field(default_factory=list)
    """What else is to be known."""
    fittings: Sequence[Fitting] = ()
    """Of the stages that do not fit into memory those of which something else was counted."""
    pace: float = 1.0
    """Seconds that passed while CPUs worked for one."""

    @property
    def on_gpu(self) -> bool:
        """Whether memory and time are those of a GPU."""
        return self.device != "cpu"

    @property
    def seconds(self) -> float:
        """Of all stages and evaluations."""
        return sum(phase.total for phase in self.phases) + (self.evaluation.seconds or 0.0)

    @property
    def too_large(self) -> list[PhaseEstimate]:
        """The phases that do not fit into the memory."""
        there = self.memory
        return [each for each in self.phases if there is not None and each.memory is not None and each.memory > there]
