"""A well-known reimplementation of PGGAN errs in several places; each of its errors is one that ours does not have.

Our networks take its weights. With all of its errors put in by hand they compute its numbers, which shows that the list
is complete; with any one of them left out they do not, which shows that ours is without that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from support.case import Case, put, raw
from support.deviations import change_gain, load_zoo, without_each
from support.pggan import discriminator, generator
from torch import Tensor

from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.layers import Function, fan_in

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

OF_GENERATOR = {
    "inverted alpha": "alpha weighs the old resolution",
    "scaled bias": "biases are multiplied by the constant that is meant for the weights",
    "first gain": "the first dense layer has gain sqrt(2), not sqrt(2) / 4",
    "bias of every unit": "the first dense layer has a bias for each unit, not for each channel",
    "image gain": "the way into the image has gain sqrt(2), not 1",
}
OF_DISCRIMINATOR = {
    "no fade": "with a single resolution above the lowest nothing fades",
    "scaled bias": "biases are multiplied by the constant that is meant for the weights",
    "score gain": "the last dense layer has gain sqrt(2), not 1",
    "unbiased stddev": "the variance of a group is divided by one less than its size",
}


def their_generator(case: Case, without: frozenset[str] = frozenset()) -> Generator:
    """Our generator with their weights and their errors, but for those in `without`."""
    network = generator({4: 10, 8: 8}, 12, (4, 8)).to(case.dtype)
    dense, scaled = network.stem.get_submodule("dense"), "scaled bias" not in without
    put(raw(dense), case["w.G.formatLayer.module.weight"])
    bias = case["w.G.formatLayer.module.bias"].view(1, 10, 4, 4)
    bias = bias * math.sqrt(2 / fan_in(dense)) if scaled else bias
    if "bias of every unit" in without:
        put(network.stem.get_parameter("bias.bias"), bias.mean((2, 3)))
    else:
        network.stem.add_module("bias", Function(lambda x: x + bias))
    load_zoo(case, "w.G.groupScale0.0", network.stem.get_submodule("conv"), scaled_bias=scaled)
    for number in (0, 1):
        layer = network.get_submodule(f"blocks.8.conv{number}")
        load_zoo(case, f"w.G.scaleLayers.0.{number}", layer, scaled_bias=scaled)
    for number, rgb in enumerate((network.rgb["4"], network.rgb["8"])):
        load_zoo(case, f"w.G.toRGBLayers.{number}", rgb, scaled_bias=scaled)
        change_gain(rgb, 1 if "image gain" in without else math.sqrt(2))
    change_gain(dense, 1 if "first gain" in without else 4)
    return network


def their_discriminator(case: Case, without: frozenset[str] = frozenset()) -> Discriminator:
    """Our discriminator with their weights and their errors, but for those in `without`."""
    network = discriminator({4: 10, 8: 8}, (4, 8)).to(case.dtype)
    head, scaled = network.head, "scaled bias" not in without
    layers = {"groupScaleZero.0": "conv", "groupScaleZero.1": "dense0", "decisionLayer": "dense1"}
    for theirs, ours in layers.items():
        load_zoo(case, f"w.D.{theirs}", head.get_submodule(ours), scaled_bias=scaled)
    for number in (0, 1):
        layer = network.get_submodule(f"blocks.8.conv{number}")
        load_zoo(case, f"w.D.scaleLayers.0.{number}", layer, scaled_bias=scaled)
    for number, resolution in enumerate(("4", "8")):
        load_zoo(case, f"w.D.fromRGBLayers.{number}", network.rgb[resolution].get_submodule("conv"), scaled_bias=scaled)
    change_gain(head.get_submodule("dense1"), 1 if "score gain" in without else math.sqrt(2))
    if "unbiased stddev" not in without:
        network.layers = Function(with_unbiased_stddev)
    return network


def with_unbiased_stddev(x: Tensor) -> Tensor:
    statistic = (x.var(0, unbiased=True) + 1e-8).sqrt().mean()
    return torch.cat([x, statistic.expand(len(x), 1, *x.shape[2:])], 1)


def compare_images(case: Case, compare: Callable[[str, Tensor], None], without: frozenset[str] = frozenset()) -> None:
    network = their_generator(case, without)
    for number, alpha in enumerate(case["in.alphas_peer"].tolist()):
        network.grow(8, alpha if "inverted alpha" in without else 1 - alpha)
        compare(f"out.G_{number}", network(case["in.z"]))


def compare_scores(case: Case, compare: Callable[[str, Tensor], None], without: frozenset[str] = frozenset()) -> None:
    network = their_discriminator(case, without)
    for number, alpha in enumerate(case["in.alphas_peer"].tolist()):
        fades = "no fade" in without
        if fades and alpha == 0:
            continue  # fully grown either way
        network.grow(8, 1 - alpha if fades else 1.0)
        compare(f"out.D_{number}", network(case["in.x"]).score)


@DTYPES
def test_with_all_of_its_errors_ours_computes_its_numbers(dtype: torch.dtype) -> None:
    case = Case("ganzoo_pgan_8px", dtype)
    compare_images(case, case.check)
    compare_scores(case, case.check)
    case.check_complete()


@DTYPES
@without_each(OF_GENERATOR)
def test_our_generator_is_without(left_out: frozenset[str], dtype: torch.dtype) -> None:
    case = Case("ganzoo_pgan_8px", dtype)
    compare_images(case, case.check_differs, left_out)


@DTYPES
@without_each(OF_DISCRIMINATOR)
def test_our_discriminator_is_without(left_out: frozenset[str], dtype: torch.dtype) -> None:
    case = Case("ganzoo_pgan_8px", dtype)
    compare_scores(case, case.check_differs, left_out)


@DTYPES
def test_ours_as_it_is_computes_other_numbers(dtype: torch.dtype) -> None:
    case = Case("ganzoo_pgan_8px", dtype)
    compare_images(case, case.check_differs, frozenset(OF_GENERATOR))
    compare_scores(case, case.check_differs, frozenset(OF_DISCRIMINATOR))
