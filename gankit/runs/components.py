"""All that a run is made of beside its folder, prepared before anything is written."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch

from gankit.config.experiment import Experiment
from gankit.core.errors import UserError
from gankit.core.memory import keep_freed_memory
from gankit.data.images import RealImages
from gankit.evaluation.background import BackgroundEvaluator
from gankit.evaluation.pair import EvaluatorPair
from gankit.runs.launched import cores_of, local_count, local_number
from gankit.training.trainer import Trainer

FREES_LARGE_MAPS = 64
"""The resolution from which on freed memory is kept: an iteration was 1.08 times as fast at 64x64, as fast at 32x32."""


class RunComponents(NamedTuple):
    """What trains and what measures."""

    experiment: Experiment
    device: torch.device
    reals: RealImages
    trainer: Trainer
    evaluators: EvaluatorPair | BackgroundEvaluator

    @classmethod
    def of(cls, experiment: Experiment, threads: int | None = None) -> Self:
        """Load data, build networks and the extractor, at the beginning of training.

        Args:
            experiment: What is to be run.
            threads: CPU threads where `training.threads` names no number; None leaves it to torch, or shares the cores
                out among several processes.

        Raises:
            UserError: if there is no such device, or data or weights cannot be had.
        """
        processes = experiment.training.processes
        if (threads := experiment.training.threads or threads or cores_of(processes)) is not None:
            torch.set_num_threads(threads)
        device = own_device(choose_device(experiment.training.device), processes)
        final = experiment.stages()[-1].resolution
        if device.type == "cpu" and final >= FREES_LARGE_MAPS and experiment.training.allocator == "auto":
            keep_freed_memory()
        reals = RealImages(experiment.data, experiment.resolutions())
        trainer = Trainer(experiment, reals, device)
        if experiment.evaluation.background:
            return cls(experiment, device, reals, trainer, BackgroundEvaluator(experiment, reals, device))
        return cls(experiment, device, reals, trainer, EvaluatorPair(experiment, reals, device))


def own_device(device: torch.device, processes: int) -> torch.device:
    """The one of several GPUs that is this process's, if there are several processes.

    Raises:
        UserError: if there is none.
    """
    if processes == 1 or device.type == "cpu":
        return device
    number, there = local_number(), torch.cuda.device_count() if device.type == "cuda" else 1
    if number >= there or local_count(processes) > there:
        raise UserError(
            f"training.processes: {local_count(processes)} processes need a GPU each, and this machine has {there}; "
            "lower it, or train with training.device: cpu"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes cuda, then mps, then cpu.

    Raises:
        UserError: if the machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there.get(name):
        usable = ", ".join(device for device, available in there.items() if available)
        raise UserError(f"training.device: there is no {name} on this machine; usable here: auto, {usable}")
    return torch.device(name)
