"""StyleGAN2 at toy size, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from typing import Any

from support.authors import fill, of_torch
from support.case import Case, load_layer, put, raw
from support.pggan import component
from torch import nn

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit_stylegan.modules import Noise
from gankit_stylegan2.weight_names import STYLEGAN2

ARCHITECTURES = {
    "orig": ({"join": "none"}, {}),
    "skip": ({"join": "sum"}, {}),
    "resnet": ({"join": "none"}, {"residual": True}),
}
"""What the authors' names for the variants of a network are: options of the network, and of its block."""


def options(architecture: str, channels: dict[int, int]) -> dict[str, Any]:
    """What both networks have in common."""
    plugins.load_installed()
    network, block = ARCHITECTURES[architecture]
    return {
        "block": {"use": "stylegan2/stylegan2", **block},
        "rgb": "stylegan2-rgb",
        "norm": "equalized",
        "channels": channels,
        **network,
    }


def generator(
    architecture: str, channels: dict[int, int], latent: int, width: int, layers: int, shape: ImageShape
) -> Generator:
    mapping = {"use": "stylegan2", "layers": layers, "width": width, "mixing": 0}
    made = {"mapping": mapping, "stem": "stylegan2/stylegan2", "latent": latent, **options(architecture, channels)}
    return Generator(GeneratorOptions.model_validate(made), shape)


def discriminator(architecture: str, channels: dict[int, int], shape: ImageShape) -> Discriminator:
    made = {"head": "stylegan2/stylegan2", **options(architecture, channels)}
    stddev = component("regularizer", "minibatch-stddev")
    return Discriminator(DiscriminatorOptions.model_validate(made), shape, [stddev])


def block_of(network: GrowingNetwork, resolution: int) -> nn.Module:
    """The two convolutions, past no shortcut."""
    block = network.blocks[str(resolution)]
    return block.get_submodule("path") if "path" in block._modules else block


def fill_mapping(case: Case, network: Generator, key: str) -> None:
    fill(network, STYLEGAN2, of_torch(case, key, "mapping."))


def fill_generator(case: Case, network: Generator, key: str) -> None:
    """Copy the weights of all but the mapping, and let each layer add the case's noise."""
    fill(network, STYLEGAN2, of_torch(case, key, "synthesis."))
    add_noise(case, network, key)


def add_noise(case: Case, network: Generator, key: str) -> None:
    """Let each layer add the case's noise, if it has some."""
    for own, source in STYLEGAN2.sources(network, ()).items():
        constant = source.name.replace("synthesis.", key).replace("noise_strength", "noise_const")
        if own.endswith("noise.weight") and constant in case:
            noise = network.get_submodule(own.removesuffix(".weight"))
            assert isinstance(noise, Noise)
            noise.draw = lambda x, constant=constant: case[constant]


def fill_discriminator(case: Case, network: Discriminator, key: str) -> None:
    for resolution in network.resolutions[1:]:
        block = block_of(network, resolution)
        load_layer(case, f"{key}b{resolution}.conv0", block.get_submodule("conv0"))
        load_layer(case, f"{key}b{resolution}.conv1", block.get_submodule("conv1.conv"))
        fill_shortcut(case, key, network, resolution)
    for resolution, rgb in network.rgb.items():
        load_layer(case, f"{key}b{resolution}.fromrgb", rgb.get_submodule("conv"))
    for theirs, ours in {"conv": "conv", "fc": "dense", "out": "score"}.items():
        load_layer(case, f"{key}b4.{theirs}", network.head.get_submodule(ours))


def fill_shortcut(case: Case, key: str, network: GrowingNetwork, resolution: int) -> None:
    """The shortcut past a residual block, if the case has one."""
    weight = f"{key}b{resolution}.skip.weight"
    if weight in case:
        put(raw(network.blocks[str(resolution)].get_submodule("shortcut.conv")), case[weight])
