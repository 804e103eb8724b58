"""The files in experiments/papers, and the size of their networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from support.command import QUIET
from support.discriminators import discriminator_options
from support.pggan import parameters
from support.tiny import trainer

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape

PAPERS = Path(__file__).parents[2] / "experiments" / "papers"


def paper(name: str, *settings: str) -> Experiment:
    """The experiment of that name, whether or not this machine has its data."""
    return load_experiment(PAPERS / f"{name}.yaml", settings, check=False)


def networks(experiment: Experiment, shape: ImageShape | None = None) -> tuple[Generator, Discriminator]:
    """Its networks without any memory for their weights; `shape` in place of what its data says."""
    shape = shape or ImageShape.of(experiment)
    with torch.device("meta"):
        generator = Generator(experiment.generator, shape)
        discriminator = Discriminator(discriminator_options(experiment), shape, experiment.regularizers)
    return generator, discriminator


def sizes(experiment: Experiment, shape: ImageShape | None = None) -> tuple[int, int, int]:
    """Parameters of mapping, rest of the generator, and discriminator."""
    generator, discriminator = networks(experiment, shape)
    mapping = parameters(generator.mapping)
    return mapping, parameters(generator) - mapping, parameters(discriminator)


def small(name: str, data: str = "digits", *further: str, **growth: int) -> Experiment:
    """The paper's system on other data, a few feature maps wide, for a few updates of 8 images."""
    settings: dict[str, Any] = {"data": data} | {f"growth.{option}": value for option, value in growth.items()}
    settings |= {
        "training.batch": 8,
        "training.device": "cpu",
        "evaluation.extractor": "digits",
        "observers": json.dumps(QUIET),
    }
    settings |= {f"{network}.channels": 8 for network in ("generator", "discriminator")} | {"generator.latent": 8}
    return paper(name, *(f"{option}={value}" for option, value in settings.items()), *further)


def untouched_by_training(experiment: Experiment) -> list[str]:
    """Train to the end, every number finite; the averaged generator's parameters that are as they were."""
    made = trainer(experiment)
    before = {name: weight.clone() for name, weight in made.average.named_parameters()}
    while made.images < made.ends[-1]:
        assert all(bool(value.isfinite().all()) for value in made.iteration().values())
    return [name for name, weight in made.average.named_parameters() if torch.equal(weight, before[name])]
