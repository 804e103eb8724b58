"""R3GAN at toy size, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from typing import Any

from support.authors import fill, of_torch
from support.case import Case, load_layer, put
from torch import nn

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit_r3gan.weight_names import R3GAN

CONVOLUTIONS = {"conv0": "1", "conv1": "2", "conv2": "3"}


def networks(
    channels: dict[int, int], latent: int, group_widths: dict[int, int], depth: int, shape: ImageShape
) -> tuple[Generator, Discriminator]:
    """Generator and discriminator; the width of groups stands at each resolution from 4x4 up."""
    plugins.load_installed()
    blocks = {r: {"use": "r3gan/r3gan", "depth": depth, "group_width": width} for r, width in group_widths.items()}
    both: dict[str, Any] = {"base_blocks": blocks.pop(4), "block": blocks, "rgb": "r3gan-rgb", "channels": channels}
    generator = {"mapping": "label-embedding", "stem": "r3gan/r3gan", "latent": latent, **both}
    discriminator = {"head": "r3gan/r3gan", **both}
    return (
        Generator(GeneratorOptions.model_validate(generator), shape),
        Discriminator(DiscriminatorOptions.model_validate(discriminator), shape),
    )


def fill_generator(case: Case, network: Generator) -> None:
    fill(network, R3GAN, of_torch(case, "w.G."))


def fill_discriminator(case: Case, network: Discriminator) -> None:
    """Copy the weights of stages of one residual block each."""
    load_layer(case, "w.D.ExtractionLayer.Layer", network.rgb[str(network.resolution)])
    for number, resolution in enumerate(reversed(network.resolutions[1:])):
        block, key = network.blocks[str(resolution)], f"w.D.MainLayers.{number}.Layers"
        _fill_residual(case, f"{key}.0", block)
        load_layer(case, f"{key}.1.LinearLayer.Layer", block.get_submodule("change"))
    last = f"w.D.MainLayers.{len(network.resolutions) - 1}.Layers"
    _fill_residual(case, f"{last}.0", network.base_blocks)
    load_layer(case, f"{last}.1.Basis", network.head.get_submodule("basis"))
    load_layer(case, f"{last}.1.LinearLayer", network.head.get_submodule("score"))


def _fill_residual(case: Case, key: str, block: nn.Module) -> None:
    path = block.get_submodule("residual0.path")
    for ours, number in CONVOLUTIONS.items():
        load_layer(case, f"{key}.LinearLayer{number}.Layer", path.get_submodule(ours))
        if ours != "conv2":
            put(path.get_parameter(f"{ours}.bias"), case[f"{key}.NonLinearity{number}.Bias"])
