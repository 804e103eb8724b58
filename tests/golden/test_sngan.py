"""Whole residual networks with labels, composed as in an experiment, against numbers of others' code."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from support.case import Case, load_layer, put, raw
from support.pggan import component
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Condition
from gankit_sngan.modules import ConditionalBatchNorm

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

CLASSES = 3
CONVOLUTIONS = {"c1": "path.conv0", "c2": "path.conv1", "c_sc": "shortcut.conv"}


def discriminator(resolution: int, channels: int, **head: Any) -> tuple[Discriminator, dict[str, nn.Module]]:
    """SNGAN's for pictures of `resolution`, a few channels wide; its weighted layers by the authors' names."""
    plugins.load_installed()
    base = resolution // 4
    options: dict[str, Any] = {"base": base, "rgb": None, "block": "residual", "base_blocks": ["residual", "residual"]}
    options |= {"norm": "spectral", "channels": channels, "head": {"use": "sngan/sngan", **head}}
    network = Discriminator(DiscriminatorOptions.model_validate(options), ImageShape((resolution,), 3, CLASSES))
    blocks = {
        "block1": network.blocks[str(resolution)],
        "block2": network.blocks[str(resolution // 2)],
        "block3": network.base_blocks.get_submodule("0"),
        "block4": network.base_blocks.get_submodule("1"),
    }
    layers = {
        f"{name}.{theirs}": block.get_submodule(ours)
        for name, block in blocks.items()
        for theirs, ours in CONVOLUTIONS.items()
        if name in ("block1", "block2") or theirs != "c_sc"
    }
    score = network.head.get_submodule("score")
    return network, layers | {"l5": score.get_submodule("score"), "l_y": score.get_submodule("embedding")}


def authors_discriminator(case: Case) -> Discriminator:
    network, layers = discriminator(16, case.meta["args"]["ch"], bias=False)
    network.to(case.dtype)
    stored = {key for key in case.arrays if key.startswith("w.")}
    assert stored == {f"w.{name}.{part}" for name, layer in layers.items() for part in parts(layer)}
    for name, layer in layers.items():
        for part, ours in parts(layer).items():
            put(raw(layer, ours), case[f"w.{name}.{part}"])
        put(layer.get_buffer("parametrizations.weight.0.u"), case[f"in.{name}.u"])
    return network


def parts(layer: nn.Module) -> dict[str, str]:
    return {"W": "weight"} | ({"b": "bias"} if getattr(layer, "bias", None) is not None else {})


@DTYPES
def test_projection_discriminator(dtype: torch.dtype) -> None:
    """Their evaluation iterates once from the stored estimates, as a pass in training does."""
    case = Case("chainer_projection_D", dtype)
    real, labels = case["in.x"], case["in.y"].long()
    fresh = authors_discriminator(case)
    case.check("out.score_uncond_eval", copy.deepcopy(fresh)(real).score)
    of_fake = copy.deepcopy(fresh)(case["in.x_fake"], case["in.y_fake"].long()).score
    of_real = fresh(real, labels).score
    case.check("out.score_eval", of_real)
    fresh(real, labels)
    case.check("out.score_train_3rd", fresh(real, labels).score)
    for theirs, ours in (("hinge", "hinge"), ("dcgan", "non-saturating")):
        loss = component("loss", ours)
        case.check(f"out.{theirs}_dis", loss.discriminator(of_real, of_fake))
        case.check(f"out.{theirs}_gen", loss.generator(of_fake, None))
    case.check_complete()


@DTYPES
def test_batch_normalization_by_class(dtype: torch.dtype) -> None:
    case = Case("mimicry_cbn", dtype)
    norm = component("norm", "conditional-batch").build(BuildContext("generator", 5, 4, 4, classes=CLASSES)).to(dtype)
    load_table(case, "w", norm)
    x, condition = case["in.x"], Condition(labels=case["in.y"].long())
    case.check("out.train_1", norm(x, condition))
    case.check("out.train_2", norm(x * 0.5 - 1, condition))
    case.check("out.running_mean", norm.get_buffer("normalize.running_mean"))
    case.check("out.running_var", norm.get_buffer("normalize.running_var"))
    case.check("out.eval", norm.eval()(x, condition))
    case.check_complete()


def load_table(case: Case, key: str, norm: nn.Module) -> None:
    """Their one table holds both of ours side by side."""
    gamma, beta = case[f"{key}.embed.weight"].chunk(2, 1)
    put(norm.get_parameter("gamma"), gamma)
    put(norm.get_parameter("beta"), beta)
    for statistic in ("running_mean", "running_var"):
        put(norm.get_buffer(f"normalize.{statistic}"), case[f"{key}.bn.{statistic}"])


def reimplemented_discriminator(case: Case) -> Discriminator:
    network, layers = discriminator(32, case.meta["args"]["ndf"])
    network.to(case.dtype)
    for name, layer in layers.items():
        put(raw(layer), case[f"w.D.{name}.weight_orig"])
        if getattr(layer, "bias", None) is not None:
            put(raw(layer, "bias"), case[f"w.D.{name}.bias"])
        for vector in ("u", "v"):
            put(layer.get_buffer(f"parametrizations.weight.0.{vector}"), case[f"w.D.{name}.weight_{vector}"])
    return network


@DTYPES
def test_projection_discriminator_of_a_reimplementation(dtype: torch.dtype) -> None:
    case = Case("mimicry_cgan_pd_32", dtype)
    score = reimplemented_discriminator(case).eval()(case["in.x"], case["in.y"].long()).score
    case.check("out.D_eval", score)
    case.check_differs("out.D_eval_peer_inplace", score)


@DTYPES
def test_its_only_error_is_that_shortcuts_see_what_was_rectified(dtype: torch.dtype) -> None:
    case = Case("mimicry_cgan_pd_32", dtype)
    network, images, labels = reimplemented_discriminator(case), case["in.x"], case["in.y"].long()
    for block in (network.blocks["16"], *network.base_blocks.children()):
        block.register_forward_pre_hook(lambda _, given: (given[0].relu(), *given[1:]))
    case.check("out.D_eval_peer_inplace", network.eval()(images, labels).score)
    network.train()(images, labels)
    case.check("out.D_train_2nd_peer_inplace", network(images, labels).score)


@DTYPES
def test_generator_with_labels_of_a_reimplementation(dtype: torch.dtype) -> None:
    """It interpolates between pixels where we repeat them; that is all in which it differs."""
    case = Case("mimicry_cgan_pd_32", dtype)
    plugins.load_installed()
    options = {"stem": "sngan/sngan", "rgb": "residual-rgb", "norm": "conditional-batch", "output": "tanh"}
    options |= {"channels": case.meta["args"]["ngf"], "latent": case.meta["args"]["nz"]}
    blocks = ({"use": "residual", "upsampling": by} for by in ("nearest", "bilinear"))
    repeating, network = (
        Generator(GeneratorOptions.model_validate(options | {"block": block}), ImageShape((32,), 3, CLASSES)).to(dtype)
        for block in blocks
    )
    load_layer(case, "w.G.l1", network.stem.get_submodule("dense"))
    for name, resolution in (("block2", 8), ("block3", 16), ("block4", 32)):
        block = network.blocks[str(resolution)]
        for theirs, ours in CONVOLUTIONS.items():
            load_layer(case, f"w.G.{name}.{theirs}", block.get_submodule(ours))
        for i in (0, 1):
            load_table(case, f"w.G.{name}.b{i + 1}", block.get_submodule(f"path.norm{i}"))
    last = network.rgb["32"].get_submodule("norm")
    assert isinstance(last, nn.BatchNorm2d)
    load_layer(case, "w.G.b5", last)
    for statistic in ("running_mean", "running_var"):
        put(last.get_buffer(statistic), case[f"w.G.b5.{statistic}"])
    load_layer(case, "w.G.c5", network.rgb["32"].get_submodule("conv"))
    assert sum(isinstance(module, ConditionalBatchNorm) for module in network.modules()) == 6
    given: tuple[Tensor, Tensor] = case["in.z"], case["in.y"].long()
    repeating.load_state_dict(network.state_dict())
    case.check_differs("out.G_train", repeating(*given))
    case.check("out.G_train", network(*given))
    case.check("out.G_eval_after_1", network.eval()(*given))
