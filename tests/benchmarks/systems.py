"""The systems whose iterations are measured, at widths at which a peer's code can be built as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.work import ALIKE, Cycle, Job

BATCH = 16
LAZY: Cycle = ((0, 1), (4, 3), (1, 12))
"""Of 16 iterations the first has R1 and path lengths, every fourth path lengths alone."""


@dataclass(frozen=True)
class System:
    """A system at a width."""

    about: str
    """What a table calls it."""
    options: Mapping[str, Any]
    """Of an experiment, but for name, data, growth and what all have in common."""
    images: int = BATCH
    """Reals an iteration."""
    cycle: Cycle = ALIKE


def pggan(width: int) -> System:
    """PGGAN with WGAN-GP (Karras et al. 2018)."""
    return System(
        "PGGAN, WGAN-GP",
        {
            "generator": {
                "mapping": "normalized",
                "stem": "pggan",
                "block": "conv",
                "rgb": "rgb",
                "norm": ["equalized", "pixel"],
                "latent": width,
                "channels": width,
            },
            "discriminator": {"rgb": "rgb", "block": "conv", "head": "pggan", "norm": "equalized", "channels": width},
            "loss": "wgan",
            "regularizers": [
                {"use": "gradient-penalty", "weight": 10},
                {"use": "drift", "weight": 1e-3},
                {"use": "minibatch-stddev", "group": 4},
            ],
            "training": {"optimizer": {"use": "adam", "lr": 1e-3, "betas": [0, 0.99]}},
        },
    )


def sngan(width: int) -> System:
    """SNGAN of residual blocks with five updates of the discriminator (Miyato et al. 2018), which is half as wide."""
    return System(
        "SNGAN",
        {
            "generator": {
                "stem": "sngan",
                "block": "residual",
                "rgb": "residual-rgb",
                "norm": "batch",
                "init": "glorot",
                "latent": 128,
                "channels": width,
                "output": "tanh",
            },
            "discriminator": {
                "rgb": None,
                "block": "residual",
                "base_blocks": ["residual", "residual"],
                "base": 8,
                "head": {"use": "sngan", "pool": "sum"},
                "norm": "spectral",
                "init": "glorot",
                "channels": width // 2,
            },
            "loss": "hinge",
            "training": {
                "discriminator_steps": 5,
                "optimizer": {"use": "adam", "lr": 2e-4, "betas": [0, 0.9]},
            },
        },
        images=5 * BATCH,
    )


def stylegan(width: int) -> System:
    """StyleGAN with WGAN-GP (Karras et al. 2019), without mixing of styles."""
    return System(
        "StyleGAN, WGAN-GP",
        {
            "generator": {
                "mapping": {"use": "style", "layers": 8, "width": width, "mixing": 0},
                "stem": "stylegan",
                "block": "stylegan",
                "rgb": "rgb",
                "norm": ["equalized", "adaptive-instance"],
                "latent": width,
                "channels": width,
            },
            "discriminator": {
                "rgb": "rgb",
                "block": "stylegan",
                "head": "pggan",
                "norm": "equalized",
                "channels": width,
            },
            "loss": "wgan",
            "regularizers": [
                {"use": "gradient-penalty", "weight": 10},
                {"use": "drift", "weight": 1e-3},
                "minibatch-stddev",
            ],
            "training": {"optimizer": {"use": "adam", "lr": 1e-3, "betas": [0, 0.99]}},
        },
    )


def stylegan2(width: int) -> System:
    """StyleGAN2 with R1 every 16th and path lengths every 4th iteration (Karras et al. 2020)."""
    return System(
        "StyleGAN2, R1 and path lengths",
        {
            "generator": {
                "mapping": {"use": "stylegan2", "layers": 8, "width": width},
                "stem": "stylegan2",
                "block": "stylegan2",
                "rgb": "stylegan2-rgb",
                "join": "sum",
                "norm": "equalized",
                "latent": width,
                "channels": width,
            },
            "discriminator": {
                "rgb": "stylegan2-rgb",
                "block": {"use": "stylegan2", "residual": True},
                "head": "stylegan2",
                "norm": "equalized",
                "channels": width,
            },
            "loss": "non-saturating",
            "regularizers": [
                {"use": "r1", "gamma": 10, "every": 16},
                {"use": "path-length", "every": 4},
                {"use": "minibatch-stddev", "group": 4},
            ],
            "training": {"optimizer": {"use": "adam", "lr": 2e-3, "betas": [0, 0.99]}},
        },
        cycle=LAZY,
    )


def r3gan(width: int) -> System:
    """R3GAN (Huang et al. 2024)."""
    blocks = {"use": "r3gan", "depth": 2, "group_width": 16}
    return System(
        "R3GAN",
        {
            "generator": {
                "stem": "r3gan",
                "base_blocks": blocks,
                "block": blocks,
                "rgb": "r3gan-rgb",
                "latent": 64,
                "channels": width,
            },
            "discriminator": {
                "rgb": "r3gan-rgb",
                "block": blocks,
                "base_blocks": blocks,
                "head": "r3gan",
                "channels": width,
            },
            "loss": "relativistic",
            "regularizers": [{"use": "r1", "gamma": 0.05}, {"use": "r2", "gamma": 0.05}],
            "training": {"optimizer": {"use": "adam", "lr": 2e-4, "betas": [0, 0.9]}},
        },
    )


def dcgan(width: int) -> System:
    """DCGAN (Radford et al. 2016), `width` at its widest."""
    norm = {"use": "batch", "gain_std": 0.02}
    channels = {4: 4 * width, 8: 2 * width, 16: width}
    both = {"block": "dcgan", "rgb": None, "norm": norm, "init": {"use": "normal", "std": 0.02}, "channels": channels}
    return System(
        "DCGAN",
        {
            "generator": {**both, "stem": "dcgan", "output": "tanh", "latent": 100},
            "discriminator": {**both, "head": "dcgan"},
            "loss": "non-saturating",
            "training": {"optimizer": {"use": "adam", "lr": 2e-4, "betas": [0.5, 0.999]}},
        },
    )


SYSTEMS = {system.__name__: system for system in (pggan, sngan, stylegan, stylegan2, r3gan, dcgan)}


def job(system: str, width: int, resolution: int, **changes: Any) -> Job:
    """Iterations of a system that has come to a resolution, for a worker.

    Args:
        system: Of `SYSTEMS`.
        width: Its channels.
        resolution: At which all layers are in force.
        changes: Options of `training` over those of all systems.
    """
    arguments = {"system": system, "width": width, "resolution": resolution, "changes": changes}
    return Job("benchmarks.training:training", arguments, SYSTEMS[system](width).cycle)
