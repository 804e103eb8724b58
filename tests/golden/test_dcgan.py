"""DCGAN and minibatch discrimination against numbers from well-known implementations."""

from __future__ import annotations

import pytest
import torch
from support import dcgan
from support.case import Case, put
from support.pggan import component
from torch import Tensor

from gankit import BuildContext
from gankit.networks.growing import GrowingNetwork
from gankit_diversity.modules import MinibatchDiscrimination

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def check_statistics(case: Case, network: GrowingNetwork, key: str, names: dict[str, str]) -> None:
    """Assert that the running statistics are those of the authors' network."""
    state = network.state_dict()
    for theirs, ours in names.items():
        for statistic in ("running_mean", "running_var"):
            if f"out.{key}_stats.{theirs}.{statistic}" in case:
                case.check(f"out.{key}_stats.{theirs}.{statistic}", state[f"{ours}.{statistic}"])


@DTYPES
@torch.no_grad()
def test_dcgan(dtype: torch.dtype) -> None:
    """Both networks once in training, what they keep of it, and both in evaluation."""
    case = Case("ganzoo_dcgan_16", dtype)
    generator, discriminator = dcgan.networks({4: 8, 8: 4}, 10, 16)
    dcgan.fill(case, generator.to(dtype), "G", dcgan.GENERATOR)
    dcgan.fill(case, discriminator.to(dtype), "D", dcgan.DISCRIMINATOR)
    images = generator(case["in.z"])
    case.check("out.G_train", images)
    case.check("out.D_train", discriminator(images).score)
    check_statistics(case, generator, "G", dcgan.GENERATOR)
    check_statistics(case, discriminator, "D", dcgan.DISCRIMINATOR)
    images = generator.eval()(case["in.z"])
    case.check("out.G_eval_after_1_train_forward", images)
    case.check("out.D_eval_after_1_train_forward", discriminator.eval()(images).score)
    case.check_complete()


def discrimination(case: Case, tensor: Tensor, **options: bool) -> MinibatchDiscrimination:
    """The layer on maps of one pixel, with the paper's `tensor` [A, B, C]."""
    features, kernels, dimensions = tensor.shape
    regularizer = component(
        "regularizer", "minibatch-discrimination", kernels=kernels, dimensions=dimensions, **options
    )
    layer = regularizer.layer(BuildContext("discriminator", 1, features, features)).to(case.dtype)
    put(layer.project.weight, tensor.flatten(1).t())
    return layer


def appended(layer: MinibatchDiscrimination, x: Tensor) -> Tensor:
    """What the layer appends to features [N, A]."""
    return layer(x[:, :, None, None])[:, x.shape[1] :, 0, 0]


@DTYPES
def test_minibatch_discrimination(dtype: torch.dtype) -> None:
    case = Case("minibatch_discrimination", dtype)
    x = case["in.x"].requires_grad_()
    layer = discrimination(case, case["w.T"])
    output = layer(x[:, :, None, None])[:, :, 0, 0]
    assert torch.equal(output[:, : x.shape[1]], x)
    case.check("out.torchgan", output[:, x.shape[1] :])
    of_x, of_weight = torch.autograd.grad((output * case["in.cot"]).sum(), [x, layer.project.weight])
    case.check("grad.x", of_x)
    case.check("grad.T", of_weight.t())
    itself = appended(discrimination(case, case["w.T"], include_self=True), x)
    case.check("out.paper_incl_self", itself)
    case.check_differs("out.torchgan", itself)
    case.check_complete("out.openai")


@DTYPES
def test_minibatch_discrimination_as_its_authors_parametrize_it(dtype: torch.dtype) -> None:
    """Their tensor has columns of a learned length, and a bias is added; the rest is ours."""
    case = Case("minibatch_discrimination", dtype)
    tensor = case["w.T"]
    normalized = tensor / tensor.square().sum(0).sqrt() * case["w.openai_log_weight_scale"].exp()
    case.check("out.openai", appended(discrimination(case, normalized), case["in.x"]) + case["w.openai_b"])
    case.check_differs("out.openai", appended(discrimination(case, tensor), case["in.x"]))
