"""Residual blocks against numbers from the authors' own code and from a well-known reimplementation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from support.case import Case, put, raw
from support.pggan import component
from torch import Tensor, nn

from gankit import BuildContext
from gankit.kinds import Norm
from gankit.networks.layers import Condition, dense

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

CONVOLUTIONS = {"c1": "path.conv0", "c2": "path.conv1", "c_sc": "shortcut.conv"}
NORMS = {"b1": "path.norm0", "b2": "path.norm1"}


def residual(
    case: Case, context: BuildContext, key: str = "w.", norms: list[Norm] | None = None, **options: str
) -> nn.Module:
    """The block that would stand at `context`, with the case's weights below `key`."""
    block = component("block", "residual", **options).build(replace(context, norms={0: norms or []})).to(case.dtype)
    for theirs, ours in CONVOLUTIONS.items():
        weight, bias = ("W", "b") if f"{key}c1.W" in case else ("weight", "bias")
        if f"{key}{theirs}.{weight}" in case:
            layer = block.get_submodule(ours)
            put(layer.weight, case[f"{key}{theirs}.{weight}"])
            put(layer.bias, case[f"{key}{theirs}.{bias}"])
    return block


def normalize_spectrally(case: Case, layer: nn.Module, u: str) -> None:
    """Divide the layer's weight by its largest singular value, estimated from the case's `u` on."""
    component("norm", "spectral").apply(layer)
    put(estimate(layer), case[u])


def estimate(layer: nn.Module) -> Tensor:
    return layer.get_buffer("parametrizations.weight.0.u")


def outputs(block: nn.Module, x: Tensor) -> Tensor:
    return block(x, Condition())


@DTYPES
def test_discriminators_block_over_two_passes(dtype: torch.dtype) -> None:
    case = Case("chainer_sngan_dblock", dtype)
    block = residual(case, BuildContext("discriminator", 6, 4, 6, "down"))
    for theirs, ours in CONVOLUTIONS.items():
        normalize_spectrally(case, block.get_submodule(ours), f"in.{theirs}.u")
    case.check("out.y1", outputs(block, case["in.x"]))
    for theirs, ours in CONVOLUTIONS.items():
        case.check(f"out.u_after_1.{theirs}.u", estimate(block.get_submodule(ours)))
    case.check("out.y2_eval", outputs(block, case["in.x"]))  # their evaluation iterates once more


@DTYPES
def test_first_blocks_of_a_whole_discriminator(dtype: torch.dtype) -> None:
    """The block that reads the image, one that goes down and two that keep the resolution, under one score."""
    case = Case("chainer_projection_D", dtype)
    places = {
        "block1": BuildContext("discriminator", 16, 3, 6, "down", outermost=True),
        "block2": BuildContext("discriminator", 8, 6, 6, "down"),
        "block3": BuildContext("discriminator", 4, 6, 6),
        "block4": BuildContext("discriminator", 4, 6, 6),
    }
    x = case["in.x"]
    for name, context in places.items():
        block = residual(case, context, f"w.{name}.")
        assert (f"w.{name}.c_sc.W" in case) == hasattr(block.get_submodule("shortcut"), "conv")
        for theirs, ours in CONVOLUTIONS.items():
            if f"w.{name}.{theirs}.W" in case:
                normalize_spectrally(case, block.get_submodule(ours), f"in.{name}.{theirs}.u")
        x = outputs(block, x)
    score = dense(6, 1, gain=1.0, bias=False).to(dtype)
    put(score.weight, case["w.l5.W"])
    normalize_spectrally(case, score, "in.l5.u")
    case.check("out.score_uncond_eval", score(F.relu(x).sum((2, 3))))


@DTYPES
def test_generators_block_with_batch_normalization(dtype: torch.dtype) -> None:
    case = Case("chainer_sngan_gblock", dtype)
    context = BuildContext("generator", 8, 6, 4, "up")
    block = residual(case, context, norms=[component("norm", "batch", eps=2e-5)])
    load_norms(case, block, weight="gamma", bias="beta")
    case.check("out.train", outputs(block, case["in.x"]))
    for theirs, ours in NORMS.items():
        case.check(f"out.stats_after_train.{theirs}.avg_mean", block.get_buffer(f"{ours}.running_mean"))
        case.check(f"out.stats_after_train.{theirs}.avg_var", block.get_buffer(f"{ours}.running_var"))
    case.check("out.eval_after_one_train_step", outputs(block.eval(), case["in.x"]))


def load_norms(case: Case, block: nn.Module, **names: str) -> None:
    for theirs, ours in NORMS.items():
        for name, key in names.items():
            put(raw(block.get_submodule(ours), name), case[f"w.{theirs}.{key}"])


@DTYPES
def test_the_shortcut_sees_what_came_in_not_what_was_rectified(dtype: torch.dtype) -> None:
    case = Case("mimicry_dblock", dtype)
    block = residual(case, BuildContext("discriminator", 6, 4, 6, "down"))
    y = outputs(block, case["in.x"])
    case.check("out.eval", y)
    case.check_differs("out.eval_peer_inplace", y)
    case.check_differs("out.train_peer_inplace", y)


@DTYPES
def test_going_up_repeats_pixels(dtype: torch.dtype) -> None:
    """The reimplementation interpolates between them; that is all in which it differs."""
    case = Case("mimicry_gblock", dtype)
    names = ("weight", "bias", "running_mean", "running_var")
    place, norms = BuildContext("generator", 12, 5, 4, "up"), [component("norm", "batch")]
    repeating, block = (residual(case, place, norms=norms, upsampling=by) for by in ("nearest", "bilinear"))
    for each in (repeating, block):
        load_norms(case, each, **dict(zip(names, names, strict=True)))
    case.check_differs("out.train", outputs(repeating, case["in.x"]))
    case.check("out.train", outputs(block, case["in.x"]))
    for theirs, ours in NORMS.items():
        for name in ("running_mean", "running_var"):
            case.check(f"out.after_train.{theirs}.{name}", block.get_buffer(f"{ours}.{name}"))
    case.check("out.eval", outputs(block.eval(), case["in.x"]))
