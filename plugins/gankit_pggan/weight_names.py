"""The names of the authors' own weights of PGGAN (tkarras/progressive_growing_of_gans), which are TensorFlow's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from gankit import WeightNames, WeightSource

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.networks.generator import Generator


def of_dense(weight: Tensor) -> Tensor:
    """From TensorFlow's [in, out] to [out, in]."""
    return weight.t()


def of_conv(weight: Tensor) -> Tensor:
    """From TensorFlow's [height, width, in, out] to [out, in, height, width]."""
    return weight.permute(3, 2, 0, 1)


def of_fused_up(weight: Tensor) -> Tensor:
    """From [height, width, out, in] of a convolution that goes up by itself to one after going up, which is it turned.

    Doubling by a transposed convolution with the sum of a kernel at each of its four places in 4x4 is doubling by
    repeated pixels and then a convolution with that kernel turned round.
    """
    return weight.permute(2, 3, 0, 1).flip(2, 3)


def conv_sources(own: str, theirs: str) -> dict[str, WeightSource]:
    """The weight and the bias of a convolution."""
    return {
        f"{own}.weight": WeightSource(f"{theirs}/weight", of_conv),
        f"{own}.bias": WeightSource(f"{theirs}/bias"),
    }


def rgb_sources(generator: Generator, scope: str = "") -> dict[str, WeightSource]:
    """The ways into an image at each resolution that is shown; theirs are counted from the highest down."""
    return {
        own: source
        for lod, resolution in enumerate(reversed(generator.resolutions))
        if str(resolution) in generator.rgb
        for own, source in conv_sources(f"rgb.{resolution}", f"{scope}ToRGB_lod{lod}").items()
    }


def sources(generator: Generator, names: Collection[str]) -> Mapping[str, WeightSource]:
    """Where each weight stands; the first convolution of a resolution by the name that it has if it goes up itself."""
    found = {
        "stem.dense.weight": WeightSource("4x4/Dense/weight", of_dense),
        "stem.bias.bias": WeightSource("4x4/Dense/bias"),
        **conv_sources("stem.conv", "4x4/Conv"),
        **rgb_sources(generator),
    }
    for resolution in generator.resolutions[1:]:
        own, theirs = f"blocks.{resolution}", f"{resolution}x{resolution}"
        found |= conv_sources(f"{own}.conv0", f"{theirs}/Conv0") | conv_sources(f"{own}.conv1", f"{theirs}/Conv1")
        if f"{theirs}/Conv0_up/weight" in names:
            found[f"{own}.conv0.weight"] = WeightSource(f"{theirs}/Conv0_up/weight", of_fused_up)
            found[f"{own}.conv0.bias"] = WeightSource(f"{theirs}/Conv0_up/bias")
    return found


PGGAN = WeightNames(
    system="PGGAN",
    marks=("4x4/Dense/weight", "ToRGB_lod0/weight"),
    parts={
        "mapping": "pggan/normalized",
        "stem": "pggan/pggan",
        "block": "pggan/conv",
        "rgb": "pggan/rgb",
        "norm": ("pggan/equalized", "pggan/pixel"),
    },
    sources=sources,
    unused=("lod", r"ToRGB_lod\d+/(weight|bias)"),
)
"""A resolution at which no stage of the experiment stops has no way into an image; theirs then is of no use."""
