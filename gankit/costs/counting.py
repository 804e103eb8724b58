"""What each phase of a run asks for, counted on the meta device, where nothing is computed, in about a second each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx.experimental import _config as symbolic

from gankit.config.experiment import Experiment
from gankit.core.progress import progress_in
from gankit.costs.operations import Known, Load, Operation, OperationRecorder, Purpose
from gankit.costs.phases import IterationKind, Phase, iteration_kinds
from gankit.costs.random_reals import RandomReals
from gankit.costs.watching import watched
from gankit.data.images import images_at_a_time
from gankit.training.sampler import sample
from gankit.training.trainer import Trainer

META = torch.device("meta")


class Workload(NamedTuple):
    """What is asked for to do something once."""

    counts: Mapping[Operation, float]
    """How often each operation."""
    loads: Mapping[Operation, Load]
    """What each of them has to do."""
    calls: float
    """Operations, views included."""

    @property
    def flops(self) -> float:
        """Floating point operations."""
        return sum(self.loads[operation].flops * count for operation, count in self.counts.items())


@dataclass(frozen=True)
class IterationCount:
    """What an iteration of a phase asks for, on average over those with and without lazy regularizers."""

    workload: Workload
    flops: Mapping[Purpose, float]
    """Floating point operations by what they are for."""
    parameters: Mapping[str, int]
    """Parameters in force by network, those that are trained."""
    kept: int
    """Bytes that are held from iteration to iteration: weights, averages, gradients, what optimizers remember."""
    passing: int
    """Bytes that are held at most beside these."""


class Counting:
    """Networks of an experiment without numbers in them, that go through iterations wherever a run may stand."""

    def __init__(self, experiment: Experiment) -> None:
        """Build them.

        Raises:
            UserError: if the data cannot tell its shape.
        """
        self._known: dict[Operation, Known] = {}
        self._kinds = iteration_kinds(experiment.regularizers)
        final = max(stage.resolution for stage in experiment.stages())
        if experiment.training.precision == "tf32":  # the same operations, which are refused where there is no such GPU
            in_full = experiment.training.model_copy(update={"precision": "fp32"})
            experiment = experiment.model_copy(update={"training": in_full})
        with META:
            self._trainer = Trainer(experiment, RandomReals(experiment.data, final), META)

    def iteration(self, phase: Phase) -> IterationCount:
        """Count an iteration of a phase, each kind of them once.

        Raises:
            Exception: whatever a part raises that is broken, or that asks for numbers in tensors.
        """
        trainer = self._trainer
        trainer.stages[phase.number - 1] = phase.stage._replace(batch=phase.batch)
        for parameter in _parameters(trainer):
            parameter.grad = None
        counted = [(kind.share, self._recorded(phase, kind)) for kind in self._kinds]
        flops = Counter[Purpose]()
        for share, recorder in counted:
            for purpose, count in recorder.flops.items():
                flops[purpose] += share * count  # pyright: ignore[reportArgumentType]
        return IterationCount(
            workload=_mean((share, recorder.workload) for share, recorder in counted),
            flops=flops,
            parameters={name: _in_force(parameters) for name, parameters in trainer.trained.items()},
            kept=kept_bytes(trainer),
            passing=max(recorder.peak for _, recorder in counted),
        )

    def _recorded(self, phase: Phase, kind: IterationKind) -> _Recorded:
        trainer, recorder = self._trainer, OperationRecorder(self._known)
        trainer.images, trainer.iterations = phase.middle, kind.first
        with watched(trainer, recorder), _assuming_all(), recorder:
            trainer.iteration()
        return _Recorded(Workload(recorder.counts, recorder.loads, recorder.calls), recorder.flops, recorder.peak)

    def sample(self, stage: int, scale: int | None = None) -> Workload:
        """Count what one image takes that is generated to be measured at the end of a stage, the first is 1.

        It is one of a scale, if there are several.
        """
        trainer, recorder = self._trainer, OperationRecorder(self._known)
        at = progress_in(trainer.stages, stage, 0)
        trainer.grow(at if scale is None else at._replace(resolution=scale))
        count = images_at_a_time(trainer.generator.resolution)
        with recorder:
            sample(trainer.averages["average"].generator, 0, count, 0, META)
        return _mean([(1 / count, Workload(recorder.counts, recorder.loads, recorder.calls))])


class _Recorded(NamedTuple):
    workload: Workload
    flops: Mapping[Purpose, int]
    peak: int


def kept_bytes(trainer: Trainer) -> int:
    """Bytes of all that a trainer holds between iterations, but the images."""
    tensors: list[Tensor] = []
    for network in (*trainer.networks.values(), *(averaged.generator for averaged in trainer.averages.values())):
        tensors += [*network.parameters(), *network.buffers()]
    tensors += [parameter.grad for parameter in _parameters(trainer) if parameter.grad is not None]
    for optimizer in trainer.optimizers.values():
        tensors += [each for kept in optimizer.state.values() for each in kept.values() if isinstance(each, Tensor)]
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())


def _parameters(trainer: Trainer) -> Iterator[torch.nn.Parameter]:
    for parameters in trainer.trained.values():
        yield from parameters


def _in_force(parameters: Iterable[torch.nn.Parameter]) -> int:
    """Of those that a gradient has reached; all others wait for their resolution."""
    return sum(parameter.numel() for parameter in parameters if parameter.grad is not None)


def _mean(workloads: Iterable[tuple[float, Workload]]) -> Workload:
    """The sum of workloads, each by a factor."""
    counts, loads, calls = dict[Operation, float](), dict[Operation, Load](), 0.0
    for factor, workload in workloads:
        loads |= workload.loads
        calls += factor * workload.calls
        for operation, count in workload.counts.items():
            counts[operation] = counts.get(operation, 0.0) + factor * count
    return Workload(counts, loads, calls)


@contextmanager
def _assuming_all() -> Iterator[None]:
    """Take all elements for chosen wherever those are asked for that are not zero, as nobody knows which are."""
    before = symbolic.meta_nonzero_assume_all_nonzero
    symbolic.meta_nonzero_assume_all_nonzero = True
    try:
        yield
    finally:
        symbolic.meta_nonzero_assume_all_nonzero = before
