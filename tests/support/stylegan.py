"""StyleGAN at toy size, composed as in an experiment and filled with a case's weights."""

from __future__ import annotations

from support.authors import fill, of_tensorflow
from support.case import Case
from support.pggan import component

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit_stylegan.modules import Noise
from gankit_stylegan.weight_names import STYLEGAN


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


def fill_generator(case: Case, network: Generator, key: str) -> None:
    """Copy the weights of all but the mapping, and let each layer add the case's noise."""
    fill(network, STYLEGAN, of_tensorflow(case, key, "G_synthesis/"))
    add_noise(case, network)


def add_noise(case: Case, network: Generator) -> None:
    """Let each layer add the case's noise."""
    noises = [module for module in network.modules() if isinstance(module, Noise)]
    assert len(noises) == 2 * len(network.resolutions)
    for number, noise in enumerate(noises):
        noise.draw = lambda x, number=number: case[f"in.noise{number}"]


def fill_mapping(case: Case, network: Generator, key: str) -> None:
    fill(network, STYLEGAN, of_tensorflow(case, key, "G_mapping/"))
