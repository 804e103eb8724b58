"""Two well-known reimplementations of StyleGAN err in several places; each error is one that ours does not have.

Our networks take their weights. With all errors of one put in by hand they compute its numbers, which shows that the
list is complete; with any one left out they do not, which shows that ours is without that one. What both share with the
authors is checked as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from support.case import Case, put, raw
from support.deviations import change_gain, load_zoo, without_each
from support.pggan import component
from support.stylegan import generator
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.generator import Generator
from gankit.networks.layers import Condition, conv
from gankit_stylegan.modules import AdaIN, Blur, MappingNetwork, Noise

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
Compare = Callable[[str, Tensor], None]
NOTHING: frozenset[str] = frozenset()

OF_ZOO = {
    "inverted alpha": "alpha weighs the old resolution",
    "scaled bias": "biases are multiplied by the constant that is meant for the weights",
    "image gain": "the way into the image has gain sqrt(2), not 1",
    "style gain": "the affine map of the styles has gain sqrt(2), not 1",
    "scale from zero": "maps are multiplied by the scale, not by 1 + scale",
    "no blur": "nothing is blurred after going up",
}
OF_ROSINALITY = {
    "style gain": "the affine map of the styles has gain sqrt(2), not 1",
    "scaled noise": "the weights of the noise are multiplied by a constant as if they were a layer's",
    "blurred bias": "the bias is added before the blur",
}


def load_zoo_style(case: Case, key: str, norm: nn.Module, without: frozenset[str]) -> None:
    assert isinstance(norm, AdaIN)
    load_zoo(case, f"{key}.styleModulator", norm.affine, scaled_bias="scaled bias" not in without)
    channels = norm.affine.out_features // 2
    if "scale from zero" not in without:
        put(norm.affine.bias[:channels], norm.affine.bias[:channels] - 1)
    if "style gain" not in without:
        change_gain(norm.affine, math.sqrt(2))


def zoo(case: Case, without: frozenset[str] = NOTHING) -> Generator:
    """Our generator with their weights and their errors, but for those in `without`."""
    network = generator({4: 8, 8: 6}, 8, 3, (4, 8, 16)).to(case.dtype).eval()
    mapping, stem, scaled = network.mapping, network.stem, "scaled bias" not in without
    noises = ["noiseMod00", "noiseMod01"]
    assert isinstance(mapping, MappingNetwork)
    for number, layer in enumerate(mapping.layers):
        load_zoo(case, f"w.mapping.FC.{number}", layer, scaled_bias=scaled)
    put(mapping.mean, case["w.mean_w"])
    put(stem.get_parameter("constant.constant"), case["w.baseScale0"])
    load_zoo(case, "w.conv0", stem.get_submodule("conv"), bias=stem.get_submodule("bias1"), scaled_bias=scaled)
    load_zoo_style(case, "w.adain00", stem.get_submodule("norm0"), without)
    load_zoo_style(case, "w.adain01", stem.get_submodule("norm1"), without)
    for group, resolution in enumerate(("8", "16")):
        block = network.blocks[resolution]
        for number in (0, 1):
            layer, bias, norm = (block.get_submodule(f"{part}{number}") for part in ("conv", "bias", "norm"))
            load_zoo(case, f"w.scaleLayers.{group}.{2 * number}", layer, bias=bias, scaled_bias=scaled)
            load_zoo_style(case, f"w.scaleLayers.{group}.{2 * number + 1}", norm, without)
            noises.append(f"noiseModulators.{group}.{number}")
        load_zoo(case, f"w.toRGBLayers.{group}", network.rgb[resolution], scaled_bias=scaled)
        change_gain(network.rgb[resolution], 1 if "image gain" in without else math.sqrt(2))
        if "no blur" not in without:
            block.add_module("blur", nn.Identity())
    ours = [module for module in network.modules() if isinstance(module, Noise)]
    for number, (noise, key) in enumerate(zip(ours, noises, strict=True)):
        put(noise.weight, case[f"w.{key}.module.weight"].expand(1, 1, 1, len(noise.weight)))
        noise.draw = lambda x, number=number: case[f"in.noise_{number}"]
    return network


def compare_zoo(case: Case, compare: Compare, without: frozenset[str] = NOTHING) -> None:
    network = zoo(case, without)
    mapping = network.mapping
    assert isinstance(mapping, MappingNetwork)
    for number, alpha in enumerate(case["in.alphas_peer"].tolist()):
        network.grow(16, alpha if "inverted alpha" in without else 1 - alpha)
        styles = mapping.truncated(network.map(case["in.z"]), psi=case.meta["args"]["phiTruncation"])
        compare(f"out.img_{number}", network.synthesize(styles))


def adain(case: Case, channels: int, width: int) -> AdaIN:
    made = AdaIN(channels, width).to(case.dtype)
    component("norm", "equalized").apply(made.affine)
    return made


def compare_zoo_adain(case: Case, compare: Compare, without: frozenset[str] = NOTHING) -> None:
    norm = adain(case, 6, 8)
    load_zoo_style(case, "w.adain", norm, without)
    compare("out.adain", norm(case["in.adain_x"], Condition(case["in.adain_w"][:, None])))


@DTYPES
def test_with_all_of_its_errors_ours_computes_the_zoos_numbers(dtype: torch.dtype) -> None:
    case = Case("ganzoo_stylegan", dtype)
    compare_zoo(case, case.check)
    compare_zoo_adain(case, case.check)
    case.check_complete()


@DTYPES
@without_each(OF_ZOO)
def test_ours_is_without_the_zoos(left_out: frozenset[str], dtype: torch.dtype) -> None:
    case = Case("ganzoo_stylegan", dtype)
    compare_zoo(case, case.check_differs, left_out)


@DTYPES
@without_each({name: OF_ZOO[name] for name in ("scaled bias", "style gain", "scale from zero")})
def test_our_adain_is_without_the_zoos(left_out: frozenset[str], dtype: torch.dtype) -> None:
    case = Case("ganzoo_stylegan", dtype)
    compare_zoo_adain(case, case.check_differs, left_out)


def test_what_the_zoo_lacks_altogether() -> None:
    """It has no images at 4x4, one weight of the noise a layer, and scales that start at zero and end every signal."""
    assert "4" in generator({4: 8}, 8, 1, (4, 8)).rgb
    assert Noise(6).weight.shape == (6,)
    norm = AdaIN(6, 8)
    nn.init.zeros_(norm.affine.weight)
    x = norm(torch.randn(2, 6, 5, 5), Condition(torch.randn(2, 1, 8)))
    torch.testing.assert_close(x.std((2, 3), unbiased=False), torch.ones(2, 6), atol=1e-5, rtol=0)


def rosinality_style(case: Case, key: str, norm: nn.Module, without: frozenset[str]) -> None:
    """Its scale starts at 1 instead of being added to 1, which is the same map."""
    assert isinstance(norm, AdaIN)
    channels = norm.affine.out_features // 2
    put(raw(norm.affine), case[f"{key}.style.linear.weight_orig"])
    put(norm.affine.bias, case[f"{key}.style.linear.bias"])
    put(norm.affine.bias[:channels], norm.affine.bias[:channels] - 1)
    change_gain(norm.affine, 1 if "style gain" in without else math.sqrt(2))


def rosinality_block(case: Case, context: BuildContext, keys: tuple[str, str]) -> nn.Module:
    """Our block with the weights of its convolutions `keys`; theirs may take another number of channels."""
    block = component("block", "stylegan/stylegan").build(context)
    for number, key in enumerate(keys):
        weight = case[f"w.{key}.conv.weight_orig"]
        if weight.shape != block.get_submodule(f"conv{number}").get_parameter("weight").shape:
            resample = context.resample if number else None
            block.add_module(f"conv{number}", conv(weight.shape[1], weight.shape[0], resample=resample))
        layer = block.get_submodule(f"conv{number}")
        component("norm", "equalized").apply(layer)
        put(raw(layer), weight)
        bias = layer if layer.bias is not None else block.get_submodule(f"bias{number}")
        put(raw(bias, "bias"), case[f"w.{key}.conv.bias"])
    return block.to(case.dtype)


def compare_rosinality(case: Case, compare: Compare, without: frozenset[str] = NOTHING) -> None:
    norms = {0: [component("norm", "adaptive-instance")]}
    context = BuildContext("generator", 8, 4, 5, "up", width=6, norms=norms)
    block = rosinality_block(case, context, ("g.conv1.1", "g.conv2"))
    for number in (0, 1):
        noise = block.get_submodule(f"noise{number}")
        assert isinstance(noise, Noise)
        put(noise.weight, case[f"w.g.noise{number + 1}.weight_orig"])
        put(noise.weight, noise.weight * (1 if "scaled noise" in without else math.sqrt(2 / 5)))
        noise.draw = lambda x: case["in.noise"]
        norm = block.get_submodule(f"norm{number}")
        component("norm", "equalized").apply(norm.get_submodule("affine"))
        rosinality_style(case, f"w.g.adain{number + 1}", norm, without)
    if "blurred bias" not in without:
        bias = block.get_submodule("bias0")
        block.add_module("bias0", nn.Identity())
        block.add_module("blur", nn.Sequential(bias, Blur()))
    compare("out.styled_block", block(case["in.x"], Condition(case["in.style"][:, None].expand(-1, 2, -1))))


def compare_rosinality_adain(case: Case, compare: Compare, without: frozenset[str] = NOTHING) -> None:
    norm = adain(case, 4, 6)
    rosinality_style(case, "w.a", norm, without)
    compare("out.adain", norm(case["in.x"], Condition(case["in.style"][:, None])))


@DTYPES
def test_blur_and_the_discriminators_block_are_rosinalitys(dtype: torch.dtype) -> None:
    """Its first convolution is the one that changes the number of channels, the authors' the second."""
    case = Case("rosinality_blocks", dtype)
    case.check("out.blur", Blur()(case["in.x"]))
    block = rosinality_block(case, BuildContext("discriminator", 8, 4, 5, "down"), ("d.conv1.0", "d.conv2.1"))
    case.check("out.conv_block", block(case["in.xd"], Condition()))


@DTYPES
def test_with_all_of_its_errors_ours_computes_rosinalitys_numbers(dtype: torch.dtype) -> None:
    """But for one: that it adds 1e-5 to the variance, not 1e-8, is below the tolerance at this size of values.

    test_small_values_are_normalized_too in test_stylegan.py shows that ours does not.
    """
    case = Case("rosinality_blocks", dtype)
    compare_rosinality(case, case.check)
    compare_rosinality_adain(case, case.check)


@DTYPES
@without_each(OF_ROSINALITY)
def test_ours_is_without_rosinalitys(left_out: frozenset[str], dtype: torch.dtype) -> None:
    case = Case("rosinality_blocks", dtype)
    compare_rosinality(case, case.check_differs, left_out)


@DTYPES
def test_our_adain_is_without_rosinalitys_gain(dtype: torch.dtype) -> None:
    case = Case("rosinality_blocks", dtype)
    compare_rosinality_adain(case, case.check_differs, frozenset({"style gain"}))


def test_each_layer_draws_noise_of_its_own() -> None:
    """Rosinality's block adds one map twice."""
    block = component("block", "stylegan/stylegan").build(BuildContext("generator", 8, 4, 5, "up"))
    noises = [block.get_submodule(f"noise{number}") for number in (0, 1)]
    x = torch.zeros(2, 5, 8, 8)
    for noise in noises:
        nn.init.ones_(noise.get_parameter("weight"))
    assert not torch.equal(noises[0](x), noises[1](x))
    assert not torch.equal(noises[0](x)[0], noises[0](x)[1])
