"""Layer normalization, and the critics that it is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.checks import problems

TESTS = str(Path(__file__).parents[1])


def norm(channels: int = 3) -> nn.Module:
    built = component("norm", "layer").build(BuildContext("discriminator", 4, channels, channels)).double()
    with torch.no_grad():
        built.weight.copy_(torch.arange(1.0, channels + 1))
        built.bias.copy_(torch.arange(channels) - 1.0)
    return built


def maps(height: int = 2, width: int = 5) -> Tensor:
    return torch.randn(4, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 2


def test_each_sample_by_its_own_mean_and_variance_over_all_of_it() -> None:
    built, x = norm(), maps()
    for sample, y in zip(x, built(x), strict=True):
        normal = (sample - sample.mean()) / (sample.var(unbiased=False) + 1e-5).sqrt()
        for channel in range(3):
            torch.testing.assert_close(y[channel], (channel + 1) * normal[channel] + channel - 1)


def test_scale_and_shift_are_one_number_a_channel_and_there_is_no_running_state() -> None:
    built, x = norm(), maps()
    assert {key: tuple(value.shape) for key, value in built.state_dict().items()} == {"weight": (3,), "bias": (3,)}
    start = component("norm", "layer").build(BuildContext("discriminator", 4, 3, 3))
    assert start.weight.tolist() == [1, 1, 1]
    assert start.bias.tolist() == [0, 0, 0]
    trained = built(x)
    assert torch.equal(built.eval()(x), trained)
    other = component("norm", "layer").build(BuildContext("discriminator", 4, 3, 3)).double()
    other.load_state_dict(built.state_dict())
    assert torch.equal(other(x), trained)


def test_samples_do_not_see_each_other() -> None:
    built, x = norm(), maps()
    torch.testing.assert_close(built(x)[:1], built(x[:1]))
    assert not component("norm", "layer").mixes_samples


def test_gradients_of_second_order_exist_also_where_all_is_the_same() -> None:
    built, x = norm(), maps(2, 2)[:2].requires_grad_()
    assert torch.autograd.gradcheck(built, (x,))
    assert torch.autograd.gradgradcheck(built, (x,))
    flat = torch.ones(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(built(flat).square().sum(), flat, create_graph=True)
    gradient.square().sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("head", [{"use": "sngan", "pool": "mean"}, "pggan"])
def test_it_stands_in_a_residual_critic_under_a_gradient_penalty(head: Any) -> None:
    options = {"block": "residual", "norm": "layer", "head": head}
    experiment = tiny(
        discriminator=discriminator_options(tiny()).model_dump() | options,
        regularizers=[{"use": "gradient-penalty", "weight": 10}],
    )
    assert not problems(experiment)
    made = trainer(experiment)
    before = made.discriminator.get_parameter("blocks.8.path.norm0.weight").clone()
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value).all() for value in made.iteration().values())
    assert not torch.equal(made.discriminator.get_parameter("blocks.8.path.norm0.weight"), before)


@pytest.mark.costly  # in a process of its own, which torch 2.11 would end
def test_scale_and_shift_learn_behind_what_does_not() -> None:
    code = """
        import torch
        from gankit import BuildContext
        from support.pggan import component
        norm = component("norm", "layer").build(BuildContext("discriminator", 4, 3, 3))
        norm(torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)).square().sum().backward()
        assert norm.weight.grad.any() and norm.bias.grad.any()
    """
    subprocess.run([sys.executable, "-c", dedent(code)], check=True, env={**os.environ, "PYTHONPATH": TESTS})
