"""PGGAN at toy size, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from typing import Any

import torch
from support.authors import fill, of_tensorflow
from support.case import Case, load_layer

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.core.registry import registries
from gankit.discovery.manager import plugins
from gankit.kinds import Regularizer
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit_pggan.weight_names import PGGAN


def component(kind: str, name: str, **options: Any) -> Any:
    """A bundled component by name."""
    plugins.load_installed()
    return registries[kind].find(name).component.model_validate(options)


def generator(
    channels: dict[int, int], latent: int, resolutions: tuple[int, ...], image_channels: int = 3
) -> Generator:
    plugins.load_installed()
    options = GeneratorOptions.model_validate(
        {
            "mapping": "normalized",
            "stem": "pggan/pggan",
            "block": "pggan/conv",
            "rgb": "pggan/rgb",
            "norm": ["equalized", "pixel"],
            "channels": channels,
            "latent": latent,
        }
    )
    return Generator(options, ImageShape(resolutions, image_channels, 0))


def discriminator(
    channels: dict[int, int], resolutions: tuple[int, ...], image_channels: int = 3, averaging: str = "last"
) -> Discriminator:
    stddev: Regularizer = component("regularizer", "minibatch-stddev")
    options = DiscriminatorOptions.model_validate(
        {
            "head": "pggan/pggan",
            "block": {"use": "pggan/conv", "averaging": averaging},
            "rgb": "pggan/rgb",
            "norm": "equalized",
            "channels": channels,
        }
    )
    return Discriminator(options, ImageShape(resolutions, image_channels, 0), [stddev])


def unused_networks() -> tuple[Generator, Discriminator]:
    """Networks for a step that is given its images."""
    return generator({4: 2}, 2, (4,)), discriminator({4: 2}, (4,))


def fill_generator(case: Case, network: Generator) -> None:
    fill(network, PGGAN, of_tensorflow(case, "w."))


def fill_discriminator(case: Case, network: Discriminator) -> None:
    for theirs, ours in {"Conv": "conv", "Dense0": "dense0", "Dense1": "dense1"}.items():
        load_layer(case, f"w.4x4.{theirs}", network.head.get_submodule(ours))
    for resolution in network.resolutions[1:]:
        for i in (0, 1):
            layer = network.get_submodule(f"blocks.{resolution}.conv{i}")
            load_layer(case, f"w.{resolution}x{resolution}.Conv{i}", layer)
    for lod, resolution in enumerate(reversed(network.resolutions)):
        load_layer(case, f"w.FromRGB_lod{lod}", network.rgb[str(resolution)].get_submodule("conv"))


def grow_to_lod(network: GrowingNetwork, lod: float) -> None:
    """The authors' level of detail: whole numbers are resolutions, fractions fades."""
    network.grow(network.resolutions[-1] >> int(lod), 1 - lod % 1 if lod % 1 else 1.0)


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
