"""The names of the authors' own weights of R3GAN (brownvc/R3GAN)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from gankit import WeightNames, WeightSource

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gankit.networks.generator import Generator


def of_linear(weight: Tensor) -> Tensor:
    """From a linear layer of a one-hot label, [embedding, classes], to vectors of classes, [classes, embedding]."""
    return weight.t()


def sources(generator: Generator, names: Collection[str]) -> Mapping[str, WeightSource]:
    """Where each weight stands; theirs has a stage for each resolution, which begins with going up to it."""
    found = {own: WeightSource(theirs) for own, theirs in _names(generator)}
    if [*generator.mapping.parameters()]:
        found["mapping.embedding.weight"] = WeightSource("EmbeddingLayer.weight", of_linear)
    return found


def _names(generator: Generator) -> Iterator[tuple[str, str]]:
    """Each weight's name here and there, but for that of labels."""
    first = "MainLayers.0.Layers"
    yield "stem.basis", f"{first}.0.Basis"
    yield "stem.weights.weight", f"{first}.0.LinearLayer.weight"
    yield from _residuals(generator.base_blocks, "base_blocks", first)
    for number, resolution in enumerate(generator.resolutions[1:], 1):
        block, own, theirs = generator.blocks[str(resolution)], f"blocks.{resolution}", f"MainLayers.{number}.Layers"
        if [*block.get_submodule("change").parameters()]:
            yield f"{own}.change.weight", f"{theirs}.0.LinearLayer.Layer.weight"
        yield from _residuals(block, own, theirs)
    for resolution in generator.rgb:
        yield f"rgb.{resolution}.weight", "AggregationLayer.Layer.weight"


def _residuals(block: nn.Module, own: str, theirs: str) -> Iterator[tuple[str, str]]:
    """The residual blocks of a resolution, which follow what goes up to it."""
    depth = sum(name.startswith("residual") for name, _ in block.named_children())
    for number in range(depth):
        path, layer = f"{own}.residual{number}.path", f"{theirs}.{number + 1}"
        for place in range(3):
            yield f"{path}.conv{place}.weight", f"{layer}.LinearLayer{place + 1}.Layer.weight"
        for place in range(2):
            yield f"{path}.conv{place}.bias", f"{layer}.NonLinearity{place + 1}.Bias"


R3GAN = WeightNames(
    system="R3GAN",
    marks=("MainLayers.0.Layers.0.Basis", "AggregationLayer.Layer.weight"),
    parts={
        "mapping": frozenset({"r3gan/label-embedding", "basics/identity"}),
        "stem": "r3gan/r3gan",
        "base_blocks": "r3gan/r3gan",
        "block": "r3gan/r3gan",
        "rgb": "r3gan/r3gan-rgb",
        "norm": (),
    },
    sources=sources,
    unused=(r"MainLayers\.\d+\.Layers\.\d+\.Resampler\..*",),
)
"""Without labels there is no mapping; filters are no weights here."""
