"""What a run will cost, as it is estimated before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

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
