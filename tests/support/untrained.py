"""Generators as they come out of training, but of weights that were drawn: what is exported is asked of these."""

from __future__ import annotations

from pathlib import Path

import torch
from support.systems import stir

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.progress import ends, progress_in
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape

SMALL = Path(__file__).parents[2] / "experiments" / "small"


def untrained(experiment: Experiment, stage: int | None = None, alpha: float = 1.0) -> TrainedGenerator:
    """A generator at the end of a stage (default: the last), with no weight at a constant that would hide others."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Generator(experiment.generator, ImageShape.of(experiment))
        stir(network)
        for module in network.modules():  # statistics as no batch norm has them that was never trained
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.running_mean, 0, 0.1)  # pyright: ignore[reportArgumentType]
                torch.nn.init.uniform_(module.running_var, 0.5, 1.5)  # pyright: ignore[reportArgumentType]
    stages = experiment.stages()
    number = stage or len(stages)
    network.grow(stages[number - 1].resolution, alpha)
    classes = experiment.data.class_names() if network.context.classes else ()
    progress = progress_in(stages, number, ends(stages)[number - 1], alpha)
    return TrainedGenerator(network, experiment, progress, classes=classes, origin={"experiment": experiment.name})


def bundled(name: str) -> TrainedGenerator:
    """The generator of a bundled system, one of experiments/small."""
    return untrained(load_experiment(SMALL / f"{name}.yaml"))
