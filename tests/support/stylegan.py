"""StyleGAN at toy size, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from support.case import Case, load_layer, put, raw
from support.pggan import component
from torch import nn

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit_stylegan.modules import MappingNetwork, Noise


def generator(channels: dict[int, int], width: int, layers: int, resolutions: tuple[int, ...]) -> Generator:
    plugins.load_installed()
    options = {
        "mapping": {"use": "style", "layers": layers, "width": width},
        "stem": "stylegan/stylegan",
        "block": "stylegan/stylegan",
        "rgb": "pggan/rgb",
        "norm": ["equalized", "adaptive-instance"],
        "channels": channels,
        "latent": width,
    }
    return Generator(GeneratorOptions.model_validate(options), ImageShape(resolutions, 3, 0))


def discriminator(channels: dict[int, int], resolutions: tuple[int, ...]) -> Discriminator:
    options = {
        "head": "pggan/pggan",
        "block": "stylegan/stylegan",
        "rgb": "pggan/rgb",
        "norm": "equalized",
        "channels": channels,
    }
    shape = ImageShape(resolutions, 3, 0)
    return Discriminator(
        DiscriminatorOptions.model_validate(options), shape, [component("regularizer", "minibatch-stddev")]
    )


def fill_epilogue(case: Case, key: str, part: nn.Module, number: int) -> None:
    put(part.get_parameter(f"noise{number}.weight"), case[f"{key}.Noise.weight"])
    put(part.get_parameter(f"bias{number}.bias"), case[f"{key}.bias"])
    load_layer(case, f"{key}.StyleMod", part.get_submodule(f"norm{number}.affine"))


def fill_generator(case: Case, network: Generator, key: str) -> None:
    """Copy the weights, and let each layer add the case's noise."""
    put(network.stem.get_parameter("constant.constant"), case[f"{key}4x4.Const.const"])
    fill_epilogue(case, f"{key}4x4.Const", network.stem, 0)
    put(raw(network.stem.get_submodule("conv")), case[f"{key}4x4.Conv.weight"])
    fill_epilogue(case, f"{key}4x4.Conv", network.stem, 1)
    for resolution in network.resolutions[1:]:
        block = network.blocks[str(resolution)]
        for number, name in enumerate(("Conv0_up", "Conv1")):
            put(raw(block.get_submodule(f"conv{number}")), case[f"{key}{resolution}x{resolution}.{name}.weight"])
            fill_epilogue(case, f"{key}{resolution}x{resolution}.{name}", block, number)
    for lod, resolution in enumerate(reversed(network.resolutions)):
        load_layer(case, f"{key}ToRGB_lod{lod}", network.rgb[str(resolution)])
    noises = [module for module in network.modules() if isinstance(module, Noise)]
    assert len(noises) == 2 * len(network.resolutions)
    for number, noise in enumerate(noises):
        noise.draw = lambda x, number=number: case[f"in.noise{number}"]


def fill_mapping(case: Case, mapping: nn.Module, key: str) -> None:
    assert isinstance(mapping, MappingNetwork)
    for number, layer in enumerate(mapping.layers):
        load_layer(case, f"{key}Dense{number}", layer)
