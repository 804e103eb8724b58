"""Experiments small enough for tests, composed of bundled components."""

from __future__ import annotations

from typing import Any

import torch
from support.command import QUIET

from gankit.config.experiment import Experiment
from gankit.data.images import RealImages
from gankit.discovery.manager import plugins
from gankit.training.trainer import Trainer

CPU = torch.device("cpu")


def tiny(**changes: Any) -> Experiment:
    """A progressive experiment of 4x4 and 8x8 digits that trains in seconds; keywords replace top-level options.

    But `join`, which is that of both networks.
    """
    plugins.load_installed()
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "join": changes.pop("join", "blend")}
    options: dict[str, Any] = {
        "name": "tiny",
        "data": "digits",
        "growth": {"use": "progressive", "start": 4, "final": 8, "images": {4: 32, 8: 64}, "fade": 0.5},
        "generator": network | {"mapping": "normalized", "stem": "pggan", "norm": ["equalized", "pixel"], "latent": 8},
        "discriminator": network | {"head": "pggan", "norm": "equalized"},
        "loss": "wgan",
        "regularizers": ["gradient-penalty", "drift", "minibatch-stddev"],
        "training": {"batch": 8, "device": "cpu"},
        "evaluation": {"metrics": [], "extractor": "digits", "images": 16},
        "observers": QUIET,
    }
    return Experiment.model_validate(options | changes)


def trainer(experiment: Experiment, device: torch.device = CPU) -> Trainer:
    reals = RealImages(experiment.data, [stage.resolution for stage in experiment.growth.stages()])
    return Trainer(experiment, reals, device)
