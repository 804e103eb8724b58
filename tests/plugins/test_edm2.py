"""Magnitude-preserving weights: rows of the length of a gain, brought back to one after each update."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.parts import double_precision
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn
from torch.nn.utils import parametrize

import gankit
from gankit.config.checks import problems
from gankit.config.experiment import DiscriminatorOptions
from gankit.networks.discriminator import Discriminator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import conv, dense, gained


def rms(weight: Tensor) -> Tensor:
    """Of each row."""
    return weight.detach().flatten(1).square().mean(1).sqrt()


@given(gain=st.sampled_from([0.5, 1.0, 2**0.5]), scale=st.sampled_from([0.01, 1.0, 300.0]), seed=st.integers(0, 99))
def test_rows_have_the_length_of_the_gain_however_long_the_weight_is(gain: float, scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    for layer in (conv(3, 5, gain=gain), dense(7, 4, gain=gain), gained(nn.ConvTranspose2d(3, 5, 4), gain)):
        component("norm", "magnitude-preserving", eps=1e-12).apply(layer.double())
        with torch.no_grad():
            layer.parametrizations.weight.original.mul_(scale)  # pyright: ignore
        rows = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
        torch.testing.assert_close(rows.flatten(1).norm(dim=1), torch.full((len(rows),), gain, dtype=torch.float64))


def test_it_is_the_algorithm_of_the_paper() -> None:
    layer = conv(4, 6, gain=1.0).double()
    component("norm", "magnitude-preserving").apply(layer)
    stored = layer.parametrizations.weight.original.detach()  # pyright: ignore
    expected = torch.empty_like(stored)
    for row in range(6):
        size = math.sqrt(sum(number**2 for number in stored[row].flatten().tolist()))
        expected[row] = stored[row] / (1e-4 + size / math.sqrt(36)) / math.sqrt(36)

    torch.testing.assert_close(layer.weight.detach(), expected)


def test_outputs_keep_the_magnitude_of_what_comes_in() -> None:
    torch.manual_seed(0)
    layer = dense(512, 512, gain=1.0, bias=False)
    component("norm", "magnitude-preserving").apply(layer)

    assert layer(torch.randn(256, 512)).std().item() == pytest.approx(1, abs=0.02)


def test_a_layer_that_starts_at_zero_is_left_alone() -> None:
    layer = conv(3, 3, gain=0)
    component("norm", "magnitude-preserving").apply(layer)

    assert not parametrize.is_parametrized(layer)
    assert not layer.weight.any()


def trained(updates: int, **norm: Any) -> list[Tensor]:
    """The root mean squares of all rows that are trained, after some iterations of large steps."""
    norms = {"use": "magnitude-preserving", **norm}
    network = {"stem": "pggan", "block": "conv", "rgb": "rgb", "norm": norms, "channels": 8, "latent": 8}
    judge = {"rgb": "rgb", "block": "conv", "head": "pggan", "norm": norms, "channels": 8}
    with double_precision():
        made = trainer(tiny(generator=network, discriminator=judge, training={"batch": 4, "optimizer": {"lr": 0.3}}))
        for _ in range(updates):
            made.iteration()
    networks = made.networks.values()
    lists = [part for each in networks for part in each.modules() if isinstance(part, parametrize.ParametrizationList)]
    taking_part = [part for part in lists if isinstance(part.original, Tensor) and part.original.grad is not None]
    assert len(taking_part) > 4
    return [rms(part.original) for part in taking_part if isinstance(part.original, Tensor)]


def test_weights_are_brought_back_after_each_update_of_either_network() -> None:
    for rows in trained(2):
        torch.testing.assert_close(rows, torch.ones_like(rows), rtol=0, atol=2e-4)
    assert max(float((rows - 1).abs().max()) for rows in trained(2, forced=False)) > 0.05


def test_norms_and_inits_before_it_are_refused() -> None:
    network = {"stem": "pggan", "block": "conv", "rgb": "rgb", "channels": 8}

    def said(*norms: str, **options: Any) -> list[str]:
        return [text for _, text in problems(tiny(generator={**network, "norm": [*norms], **options}))]

    own = "magnitude-preserving"
    assert said(own, "spectral") == []
    assert said("spectral", own) == [
        f"redraws weights, so it has to come before other norms of weights: [{own}, spectral]"
    ]
    assert said("equalized", own) == [f"redraws weights, and so does {own}; leave one of them out"]
    stem = {"use": "pggan", "init": "orthogonal"}
    assert said(own, stem=stem) == [
        "redraws weights, so that the init of generator.stem would do nothing; leave one of them out"
    ]


def test_weights_are_brought_back_in_loops_of_others_too() -> None:
    network = {"rgb": "rgb", "block": "conv", "head": "pggan", "norm": "magnitude-preserving", "channels": 8}
    judge = Discriminator(DiscriminatorOptions.model_validate(network), ImageShape((8,), 1))
    adversary = gankit.Adversary(judge, "hinge")
    optimizer = torch.optim.Adam(judge.parameters(), 0.3)

    adversary.discriminator_loss(torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8)).backward()
    optimizer.step()
    lists = [part for part in judge.modules() if isinstance(part, parametrize.ParametrizationList)]
    weights = [part.original for part in lists if isinstance(part.original, Tensor)]
    moved = [rms(each) for each in weights]
    assert max(float((size - 1).abs().max()) for size in moved) > 0.05
    adversary.updated()
    for each, size in zip(weights, moved, strict=True):
        torch.testing.assert_close(rms(each), size / (size + 1e-4))  # the norm's eps, which short rows feel more
