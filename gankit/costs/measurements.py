"""What has been measured of one experiment and holds of others that ask a machine for the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import torch

from gankit.config.experiment import Experiment
from gankit.costs.counting import IterationCount
from gankit.costs.machine import Machine
from gankit.costs.measuring import Measured
from gankit.costs.phases import Phase
from gankit.costs.replay import Replay

MATTERS = (int, str, torch.dtype, torch.layout, torch.memory_format, torch.device, torch._ops.OpOverload)
"""What is given to an operation by which it takes longer or not."""


class Measurements:
    """Single operations and iterations that were measured on one machine."""

    def __init__(self, machine: Machine) -> None:
        """Know nothing yet."""
        self.replay = Replay(machine)
        self.iterations: dict[Hashable, Measured] = {}
        """Of phases, by what `alike` tells of them."""


def alike(experiment: Experiment, phase: Phase, count: IterationCount) -> Hashable:
    """The same for phases whose iterations take as long and as much memory, whatever learning rates and weights are.

    They ask for the same operations on the same tensors as often, and are carried out in the same way.
    """
    found = defaultdict[Hashable, float](float)
    for operation, times in count.workload.counts.items():
        found[_that_matters((operation.function, operation.args, operation.kwargs))] += times
    counted = frozenset((operation, round(times, 6)) for operation, times in found.items())
    training = experiment.training
    return phase.batch, count.kept, count.passing, training.compile, training.threads, counted


def _that_matters(value: Any) -> Hashable:
    """What an operation was given, of what else than `MATTERS` its type alone, as of a rate or a handle of torch's."""
    if isinstance(value, tuple):
        return (type(value).__name__, *map(_that_matters, value))
    return value if isinstance(value, MATTERS) else type(value).__name__
