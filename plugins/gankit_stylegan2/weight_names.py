"""The names of the authors' own weights of StyleGAN2 and StyleGAN2-ADA in PyTorch (NVlabs/stylegan2-ada-pytorch)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from gankit import WeightNames, WeightSource
from gankit_stylegan.weight_names import heard

if TYPE_CHECKING:
    from gankit.networks.generator import Generator
    from gankit_stylegan2.modules import MixedStyles


def sources(generator: Generator, names: Collection[str]) -> Mapping[str, WeightSource]:
    """Where each weight stands; layouts are the same."""
    return heard(generator, {own: WeightSource(theirs) for own, theirs in _names(generator)})


def _names(generator: Generator) -> Iterator[tuple[str, str]]:
    """Each weight's name here and there."""
    yield from _mapping(cast("MixedStyles", generator.mapping))
    yield "stem.constant.constant", "synthesis.b4.const"
    yield from _styled("stem.conv", "synthesis.b4.conv1")
    for resolution in generator.resolutions[1:]:
        own, theirs = f"blocks.{resolution}", f"synthesis.b{resolution}"
        is_residual = "shortcut" in dict(generator.blocks[str(resolution)].named_children())
        for name in ("conv0", "conv1"):
            yield from _styled(f"{own}.path.{name}" if is_residual else f"{own}.{name}", f"{theirs}.{name}")
        if is_residual:
            yield f"{own}.shortcut.conv.weight", f"{theirs}.skip.weight"
    for resolution in generator.rgb:
        yield from _modulated(f"rgb.{resolution}", f"synthesis.b{resolution}.torgb")


def _mapping(mapping: MixedStyles) -> Iterator[tuple[str, str]]:
    yield "mapping.mean", "mapping.w_avg"
    layers = {f"layers.{number}": f"fc{number}" for number in range(len(mapping.network.layers))}
    if mapping.network.embedding is not None:
        layers["embedding"] = "embed"
    for own, theirs in layers.items():
        for part in ("weight", "bias"):
            yield f"mapping.network.{own}.{part}", f"mapping.{theirs}.{part}"


def _styled(own: str, theirs: str) -> Iterator[tuple[str, str]]:
    """A modulated convolution with noise."""
    yield from _modulated(own, theirs)
    yield f"{own}.noise.weight", f"{theirs}.noise_strength"


def _modulated(own: str, theirs: str) -> Iterator[tuple[str, str]]:
    yield f"{own}.conv.conv.weight", f"{theirs}.weight"
    yield f"{own}.bias.bias", f"{theirs}.bias"
    for part in ("weight", "bias"):
        yield f"{own}.conv.affine.{part}", f"{theirs}.affine.{part}"


STYLEGAN2 = WeightNames(
    system="StyleGAN2",
    marks=("synthesis.b4.const", "mapping.fc0.weight"),
    parts={
        "mapping": "stylegan2/stylegan2",
        "stem": "stylegan2/stylegan2",
        "block": "stylegan2/stylegan2",
        "rgb": "stylegan2/stylegan2-rgb",
        "norm": ("pggan/equalized",),
    },
    sources=sources,
    unused=(r".*\.(noise_const|resample_filter)",),
)
"""Their fixed noise has no place here, and filters are options of an experiment."""
