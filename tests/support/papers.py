"""The files in experiments/papers, and the size of their networks."""

from __future__ import annotations

from pathlib import Path

import torch
from support.pggan import parameters

from gankit.config import Experiment
from gankit.reading.loading import load_experiment
from gankit.training.networks import Discriminator, Generator, Shape

PAPERS = Path(__file__).parents[2] / "experiments" / "papers"


def paper(name: str, *settings: str) -> Experiment:
    """The experiment of that name, whether or not this machine has its data."""
    return load_experiment(PAPERS / f"{name}.yaml", settings, check=False)


def networks(experiment: Experiment, shape: Shape | None = None) -> tuple[Generator, Discriminator]:
    """Its networks without any memory for their weights; `shape` in place of what its data says."""
    shape = shape or Shape.of(experiment)
    with torch.device("meta"):
        generator = Generator(experiment.generator, shape)
        discriminator = Discriminator(experiment.discriminator, shape, experiment.regularizers)
    return generator, discriminator


def sizes(experiment: Experiment, shape: Shape | None = None) -> tuple[int, int, int]:
    """Parameters of mapping, rest of the generator, and discriminator."""
    generator, discriminator = networks(experiment, shape)
    mapping = parameters(generator.mapping)
    return mapping, parameters(generator) - mapping, parameters(discriminator)
