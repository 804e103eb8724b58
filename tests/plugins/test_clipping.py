"""Weight clipping: what is clipped, when, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import nn

from gankit.config.checks import problems
from gankit.config.experiment import Experiment

RMSPROP = {"use": "rmsprop", "lr": 5e-5}


def wgan(norm: Any = "batch", **changes: Any) -> Experiment:
    """The tiny experiment with WGAN's loss, clipping and optimizer."""
    discriminator = discriminator_options(tiny()).model_dump() | {"norm": norm}
    clipping = {"use": "weight-clipping", **changes}
    training = {"batch": 8, "discriminator_steps": 3, "optimizer": RMSPROP, "device": "cpu"}
    return tiny(discriminator=discriminator, regularizers=[clipping, "minibatch-discrimination"], training=training)


def test_every_parameter_is_clipped_and_no_statistic() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 1))
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.01)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        component("regularizer", "weight-clipping", limit=0.005).constrain(network)
    for name, value in network.state_dict().items():
        is_statistic = "running" in name or "tracked" in name
        expected = before[name] if is_statistic else before[name].clamp(-0.005, 0.005)
        assert torch.equal(value, expected), name


def test_what_is_frozen_is_not_clipped() -> None:
    network = nn.Sequential(nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 1))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.5)
    with torch.no_grad():
        component("regularizer", "weight-clipping").constrain(network)
    kept, clipped = ([float(value.detach().max()) for value in layer.parameters()] for layer in network)
    assert kept == [0.5, 0.5]
    assert clipped == pytest.approx([0.01, 0.01])


@pytest.mark.parametrize("norm", ["batch", "layer", "equalized", "spectral"])
def test_the_discriminator_stays_within_the_limit_and_the_generator_is_free(norm: str) -> None:
    made = trainer(wgan(norm))
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value) for value in made.iteration().values())
        assert max(float(weight.detach().abs().max()) for weight in made.discriminator.parameters()) <= 0.01
    assert max(float(weight.detach().abs().max()) for weight in made.generator.parameters()) > 0.01


def test_stored_weights_under_a_norm_of_weights_are_those_that_are_clipped() -> None:
    made = trainer(wgan("equalized"))
    made.iteration()
    stored = made.discriminator.get_parameter("head.dense0.parametrizations.weight.original")
    assert float(stored.detach().abs().max()) == pytest.approx(0.01)


def test_clipping_cannot_be_lazy() -> None:
    assert not problems(wgan())
    (found,) = problems(wgan(every=4))
    assert found == (("regularizers", 0), "clips after each update of the discriminator, so every must be 1")
