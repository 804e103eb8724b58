"""Iterations of gankit's trainer, as work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.systems import BATCH, SYSTEMS
from benchmarks.work import Work
from gankit.config.experiment import Experiment
from gankit.discovery.manager import plugins
from gankit.runs.components import RunComponents
from gankit.training.trainer import Trainer

LONG = 10**8
"""Images, more than anything here shows."""
UNWATCHED = [{"use": name, "enabled": False} for name in ("progress", "guard")]
"""The observers of a run that nobody watches."""
NO_CHANGES: Mapping[str, Any] = {}


class Training(Work):
    """Iterations of a trainer."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def iterate(self, number: int) -> None:
        """One, as if it were the `number`th of the run."""
        self.trainer.iterations = number
        self.trainer.iteration()

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return {name: sum(map(torch.numel, trained)) for name, trained in self.trainer.trained.items()}


def experiment(
    system: str, width: int, growth: Mapping[str, Any], changes: Mapping[str, Any] = NO_CHANGES, **further: Any
) -> Experiment:
    """A system's experiment on noise.

    Args:
        system: Of `SYSTEMS`.
        width: Its channels.
        growth: How it grows.
        changes: Options of `training` over those of all.
        further: Other options over those of all.
    """
    plugins.load_installed()
    plugins.load_module("benchmarks.parts")
    options = dict(SYSTEMS[system](width).options)
    shared = {"batch": BATCH, "device": "cpu", "threads": 1, "average": {"use": "exponential", "half_life": 10_000}}
    options["training"] = shared | options["training"] | dict(changes)
    evaluation = {"metrics": [], "extractor": "digits"}
    common = {"name": system, "data": "noise", "growth": growth, "evaluation": evaluation, "observers": UNWATCHED}
    return Experiment.model_validate(common | options | further)


def made(system: str, width: int, growth: Mapping[str, Any], changes: Mapping[str, Any] = NO_CHANGES) -> Training:
    """A trainer of such an experiment, made as a run makes its own."""
    return Training(RunComponents.of(experiment(system, width, growth, changes)).trainer)


def training(system: str, width: int, resolution: int, changes: Mapping[str, Any]) -> Training:
    """A system that has come to a resolution, all of whose layers are in force."""
    return made(system, width, {"use": "fixed", "resolution": resolution, "images": LONG}, changes)
