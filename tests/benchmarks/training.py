"""Iterations of gankit's trainer, as work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.systems import BATCH, SYSTEMS
from benchmarks.work import Job, Work
from gankit import Dataset, LabelledImages
from gankit.config.experiment import Experiment
from gankit.data.images import RealImages
from gankit.discovery.manager import plugins
from gankit.training.trainer import Trainer

LONG = 10**8
"""Images, more than anything here shows."""


class Noise(Dataset):
    """64 pictures of noise in colour."""

    def image_channels(self) -> int:
        """Red, green and blue."""
        return 3

    def load(self, resolution: int) -> LabelledImages:
        """The same each time."""
        rng = np.random.default_rng(0)
        return LabelledImages(rng.integers(0, 256, (64, 3, resolution, resolution), np.uint8), None)


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


def experiment(system: str, width: int, growth: Mapping[str, Any], changes: Mapping[str, Any]) -> Experiment:
    """A system's experiment on noise.

    Args:
        system: Of `SYSTEMS`.
        width: Its channels.
        growth: How it grows.
        changes: Options of `training` over those of all.
    """
    plugins.load_installed()
    options = dict(SYSTEMS[system](width).options)
    shared = {"batch": BATCH, "device": "cpu", "threads": 1, "average": {"use": "exponential", "half_life": 10_000}}
    options["training"] = shared | options["training"] | dict(changes)
    evaluation = {"metrics": [], "extractor": "digits"}
    common = {"name": system, "data": Noise(), "growth": growth, "evaluation": evaluation, "observers": []}
    return Experiment.model_validate(common | options)


def training(system: str, width: int, resolution: int, changes: Mapping[str, Any]) -> Training:
    """A system that has come to a resolution, all of whose layers are in force."""
    growth = {"use": "fixed", "resolution": resolution, "images": LONG}
    wanted = experiment(system, width, growth, changes)
    return Training(Trainer(wanted, RealImages(wanted.data, [resolution]), torch.device("cpu")))


def job(system: str, width: int, resolution: int, **changes: Any) -> Job:
    """`training` for a worker; further arguments are options of `training`."""
    arguments = {"system": system, "width": width, "resolution": resolution, "changes": changes}
    return Job("benchmarks.training:training", arguments, SYSTEMS[system](width).cycle)
