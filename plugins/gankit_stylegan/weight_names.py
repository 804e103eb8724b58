"""The names of the authors' own weights of StyleGAN (NVlabs/stylegan), which are TensorFlow's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, cast

from gankit import WeightNames, WeightSource
from gankit_pggan.weight_names import of_conv, of_dense, rgb_sources

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.networks.generator import Generator
    from gankit_stylegan.modules import MappingNetwork

FUSED_FROM = 128
"""The resolution from which their convolutions go up by themselves: what `fused_scale` is by default, "auto"."""


def of_fused_up(weight: Tensor) -> Tensor:
    """From [height, width, in, out] of a convolution that goes up by itself to one after going up, which is it turned.

    Why, `of_fused_up` of PGGAN says, whose layout is another.
    """
    return of_conv(weight).flip(2, 3)


def sources(generator: Generator, names: Collection[str]) -> Mapping[str, WeightSource]:
    """Where each weight stands."""
    synthesis = "G_synthesis/"
    found = {
        **_mapping(cast("MappingNetwork", generator.mapping)),
        "stem.constant.constant": WeightSource(f"{synthesis}4x4/Const/const"),
        **_epilogue("stem", 0, f"{synthesis}4x4/Const"),
        "stem.conv.weight": WeightSource(f"{synthesis}4x4/Conv/weight", of_conv),
        **_epilogue("stem", 1, f"{synthesis}4x4/Conv"),
        **rgb_sources(generator, synthesis),
    }
    for resolution in generator.resolutions[1:]:
        for number, name in enumerate(("Conv0_up", "Conv1")):
            own, theirs = f"blocks.{resolution}", f"{synthesis}{resolution}x{resolution}/{name}"
            changed = of_fused_up if number == 0 and resolution >= FUSED_FROM else of_conv
            found[f"{own}.conv{number}.weight"] = WeightSource(f"{theirs}/weight", changed)
            found |= _epilogue(own, number, theirs)
    return heard(generator, found)


def heard(generator: Generator, found: Mapping[str, WeightSource]) -> Mapping[str, WeightSource]:
    """`found` without strengths of noise where the generator's stem or blocks add none."""
    own = generator.state_dict().keys()
    return {name: source for name, source in found.items() if ".noise" not in name or name in own}


def _mapping(mapping: MappingNetwork) -> dict[str, WeightSource]:
    """The mapping network and the mean of its styles."""
    found = {"mapping.mean": WeightSource("dlatent_avg")}
    if mapping.label_vectors is not None:
        found["mapping.label_vectors"] = WeightSource("G_mapping/LabelConcat/weight")
    for number in range(len(mapping.layers)):
        theirs = f"G_mapping/Dense{number}"
        found[f"mapping.layers.{number}.weight"] = WeightSource(f"{theirs}/weight", of_dense)
        found[f"mapping.layers.{number}.bias"] = WeightSource(f"{theirs}/bias")
    return found


def _epilogue(own: str, number: int, theirs: str) -> dict[str, WeightSource]:
    """What follows a convolution: noise, bias, and the layer that makes scale and shift of a style."""
    return {
        f"{own}.noise{number}.weight": WeightSource(f"{theirs}/Noise/weight"),
        f"{own}.bias{number}.bias": WeightSource(f"{theirs}/bias"),
        f"{own}.norm{number}.affine.weight": WeightSource(f"{theirs}/StyleMod/weight", of_dense),
        f"{own}.norm{number}.affine.bias": WeightSource(f"{theirs}/StyleMod/bias"),
    }


STYLEGAN = WeightNames(
    system="StyleGAN",
    marks=("G_synthesis/4x4/Const/const", "G_mapping/Dense0/weight"),
    parts={
        "mapping": "stylegan/style",
        "stem": "stylegan/stylegan",
        "block": "stylegan/stylegan",
        "rgb": "pggan/rgb",
        "norm": ("pggan/equalized", "stylegan/adaptive-instance"),
    },
    sources=sources,
    unused=(r"(G_synthesis/)?lod", r"G_synthesis/noise\d+", r"G_synthesis/ToRGB_lod\d+/(weight|bias)"),
)
"""Their fixed noise has no place here, nor a way into an image at a resolution at which no stage stops."""
