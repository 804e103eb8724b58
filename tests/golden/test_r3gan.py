"""R3GAN against numbers from the authors' own code."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from support.case import Case
from support.pggan import component, parameters
from support.r3gan import fill_discriminator, fill_generator, networks
from torch import Tensor, nn

from gankit.core.progress import Stage, progress_at
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.training.step import Step

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def authors_networks(case: Case) -> tuple[Generator, Discriminator]:
    """Of two stages, 8 and 6 channels wide, of one residual block each with 2 and 3 groups."""
    generator, discriminator = networks({4: 8, 8: 6}, 6, {4: 16 // 2, 8: 12 // 3}, 1, ImageShape((8,), 3))
    fill_generator(case, generator)
    fill_discriminator(case, discriminator)
    stored = sum(values.size for key, values in case.arrays.items() if key.startswith("w."))
    assert parameters(generator) + parameters(discriminator) == stored
    return generator.to(case.dtype), discriminator.to(case.dtype)


def step(case: Case, phase: Literal["generator", "discriminator"], part: slice = slice(None)) -> Step:
    generator, discriminator = authors_networks(case)
    made = Step(phase, (), generator, discriminator, (), case["in.real"][part], None, lambda _: {})
    made.z = case["in.z"][part]
    return made


def check_gradients(case: Case, key: str, value: Tensor, network: nn.Module, names: dict[str, str]) -> None:
    gradients = torch.autograd.grad(value, [network.get_parameter(ours) for ours in names.values()])
    for theirs, gradient in zip(names, gradients, strict=True):
        case.check(f"grad.{key}.{theirs}", gradient)


@DTYPES
def test_both_updates(dtype: torch.dtype) -> None:
    case = Case("r3gan_8px", dtype)
    loss = component("loss", "relativistic")
    of_generator = step(case, "generator")
    real, fake = of_generator.on_real.score, of_generator.on_fake.score
    case.check("out.fake", of_generator.fake)
    case.check("out.D_real", real)
    case.check("out.D_fake", fake)
    case.check("out.G_rel_logits", fake - real)
    case.check("out.D_rel_logits", real - fake)
    pairs = [(real[i], fake[i]) for i in range(len(real))]
    case.check("out.G_adv_per_sample", torch.stack([loss.generator(fake, real) for real, fake in pairs]))
    case.check("out.D_adv_per_sample", torch.stack([loss.discriminator(real, fake) for real, fake in pairs]))
    names = {
        "AggregationLayer.Layer.weight": "rgb.8.weight",
        "MainLayers.0.Layers.0.Basis": "stem.basis",
        "MainLayers.0.Layers.1.NonLinearity1.Bias": "base_blocks.residual0.path.conv0.bias",
    }
    check_gradients(case, "G", loss.generator(fake, real), of_generator.generator, names)
    of_discriminator = step(case, "discriminator")
    value = loss.discriminator(of_discriminator.on_real.score, of_discriminator.on_fake.score)
    for name in ("r1", "r2"):
        penalty = component("regularizer", name, gamma=case.meta["args"]["Gamma"])
        value = value + penalty.discriminator(of_discriminator)
        # the critic takes samples apart, so that the penalty on a batch of one is that sample's
        alone = [
            component("regularizer", name, gamma=2).discriminator(step(case, "discriminator", slice(i, i + 1)))
            for i in range(len(real))
        ]
        case.check(f"out.{name.upper()}", torch.stack(alone))
    names = {
        "ExtractionLayer.Layer.weight": "rgb.8.weight",
        "MainLayers.0.Layers.0.LinearLayer2.Layer.weight": "blocks.8.residual0.path.conv1.weight",
        "MainLayers.1.Layers.1.LinearLayer.weight": "head.score.weight",
    }
    check_gradients(case, "D", value, of_discriminator.discriminator, names)
    case.check_complete()


def test_numbers_of_parameters_at_full_size() -> None:
    """CIFAR-10: four stages of two residual blocks, 768 channels wide, 96 groups in twice that."""
    with torch.device("meta"):
        widths = {4: 2 * 768 // 96, 8: 2 * 768 // 96}
        made = networks({4: 768}, 64, widths, 2, ImageShape((32,), 3))
    assert [parameters(network) for network in made] == Case("param_counts")["out.r3gan_cifar10_G_D"].tolist()


def test_numbers_move_along_half_a_cosine() -> None:
    case = Case("r3gan_cosine")
    (arguments,) = case.meta["args"]
    start, end, over = (arguments[name] for name in ("base_value", "final_value", "total_nimg"))
    cosine = component("schedule", "cosine", start=start, end=end, over=int(over))
    for images, expected in case["sched.0"].tolist():
        now = progress_at([Stage(32, 2 * int(over))], int(images))
        assert cosine.value(now) == pytest.approx(expected, rel=0, abs=case.meta["atol"])
