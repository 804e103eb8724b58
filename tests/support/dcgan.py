"""DCGANs, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from typing import Any

from support.case import Case, put

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape

PARTS: dict[str, Any] = {
    "block": "dcgan/dcgan",
    "rgb": None,
    "norm": {"use": "batch", "gain_std": 0.02},
    "init": {"use": "normal", "std": 0.02},
}


def networks(channels: dict[int, int], latent: int, resolution: int) -> tuple[Generator, Discriminator]:
    """Both networks at one resolution, on images of three channels."""
    plugins.load_installed()
    shape, options = ImageShape((resolution,), 3), PARTS | {"channels": channels}
    generator = {"stem": "dcgan/dcgan", "output": "tanh", "latent": latent}
    return (
        Generator(GeneratorOptions.model_validate(options | generator), shape),
        Discriminator(DiscriminatorOptions.model_validate(options | {"head": "dcgan/dcgan"}), shape),
    )


GENERATOR = {
    "formatLayer": "stem.conv",
    "main.batchNorm0": "stem.norm",
    "main.convTranspose1": "blocks.8.conv",
    "main.batchNorm1": "blocks.8.norm",
    "main.outlayer": "blocks.16.conv",
}
"""Our names of the authors' layers; they count the blocks from the base."""

DISCRIMINATOR = {
    "main.convTranspose1": "blocks.16.conv",
    "main.convTranspose0": "blocks.8.conv",
    "main.batchNorm0": "blocks.8.norm",
    "decisionLayer": "head.conv",
}


def fill(case: Case, network: GrowingNetwork, key: str, names: dict[str, str]) -> None:
    """Copy every array below `key` into the network, which must have no parameter beside them."""
    state = network.state_dict()
    filled = set()
    for theirs, ours in names.items():
        for suffix in ("weight", "bias", "running_mean", "running_var"):
            if f"w.{key}.{theirs}.{suffix}" in case:
                put(state[f"{ours}.{suffix}"], case[f"w.{key}.{theirs}.{suffix}"])
                filled.add(f"{ours}.{suffix}")
    assert {name for name, _ in network.named_parameters()} <= filled
    assert len(filled) == sum(name.startswith(f"w.{key}.") for name in case.arrays)
