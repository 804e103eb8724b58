"""DCGAN and what trains its networks in experiments/papers, held against the papers' settings and parameter counts."""

from __future__ import annotations

from typing import Any

import pytest
from support.case import Case
from support.papers import networks, paper, sizes, small, untouched_by_training
from support.schedules import kept_share
from support.slow import slow_but
from torch import nn

from gankit import at
from gankit.core.progress import progress_at
from gankit.networks.growing import ImageShape
from gankit.networks.layers import WEIGHTED
from gankit_basics.modules import SampleNorm

DCGAN, LSGAN, WGAN, WGAN_GP = (f"{system}-lsun-64" for system in ("dcgan", "lsgan", "wgan", "wgan-gp"))
DRAGAN = "dragan-cifar10"
NAMES = [DCGAN, LSGAN, WGAN, WGAN_GP, DRAGAN]
BEDROOMS = 3_033_042

TRAINING: dict[str, tuple[int, int, int, dict[str, Any]]] = {  # batch, critic's steps, images, optimizer
    DCGAN: (128, 1, 5 * BEDROOMS, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    LSGAN: (64, 1, 5 * BEDROOMS, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    WGAN: (64, 5, 25 * BEDROOMS, {"lr": 5e-5, "alpha": 0.99}),
    WGAN_GP: (64, 5, 200_000 * 5 * 64, {"lr": 1e-4, "betas": (0, 0.9)}),
    DRAGAN: (128, 1, 100 * 50_000, {"lr": 1e-4, "betas": (0.5, 0.9)}),
}

OBJECTIVES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    DCGAN: ("NonSaturating", []),
    LSGAN: ("LeastSquares", []),
    WGAN: ("Wasserstein", [{"every": 1, "limit": 0.01}]),
    WGAN_GP: ("Wasserstein", [{"every": 1, "weight": 10, "target": 1}]),
    DRAGAN: ("NonSaturating", [{"every": 1, "weight": 10, "noise": "one-sided"}]),
}


def shape_of(name: str) -> ImageShape:
    """What the paper's images demand, which are not here."""
    return ImageShape((32 if name == DRAGAN else 64,), 3)


@pytest.mark.parametrize("name", NAMES)
def test_batches_updates_and_optimizers(name: str) -> None:
    experiment, (batch, steps, images, optimizer) = paper(name), TRAINING[name]
    (stage,) = experiment.growth.stages()
    training = experiment.training
    assert (stage.resolution, stage.images) == (shape_of(name).resolutions[0], images)
    assert (at(training.batch, stage.resolution), training.discriminator_steps) == (batch, steps)
    for _, each in training.optimizer:
        assert each.model_dump() == optimizer | {"eps": 1e-8}
    assert kept_share(training, progress_at([stage], images // 2)) == 0  # the average is the generator itself
    assert not training.mirror


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_regularizers(name: str) -> None:
    experiment, (loss, regularizers) = paper(name), OBJECTIVES[name]
    assert type(experiment.loss).__name__ == loss
    assert [regularizer.model_dump() for regularizer in experiment.regularizers] == regularizers
    if name == LSGAN:
        assert experiment.loss.model_dump() == {"fake": 0, "real": 1, "target": 1}


@pytest.mark.parametrize("name", [DCGAN, LSGAN, WGAN])
def test_the_networks_have_as_many_parameters_as_pytorchs_example(name: str) -> None:
    assert sizes(paper(name), shape_of(name)) == (0, *Case("param_counts")["out.dcgan_64_G_D"].tolist())


@pytest.mark.parametrize("name", NAMES)
def test_where_norms_stand(name: str) -> None:
    """After all convolutions of a generator but the last; of a discriminator but the first and that of the score."""
    generator, discriminator = networks(paper(name), shape_of(name))
    blocks = len(generator.resolutions) - 1
    assert sum(isinstance(module, nn.BatchNorm2d) for module in generator.modules()) == blocks
    norms = [type(module) for module in discriminator.modules() if isinstance(module, nn.BatchNorm2d | nn.GroupNorm)]
    assert norms == {WGAN_GP: [SampleNorm], DRAGAN: []}.get(name, [nn.BatchNorm2d]) * (blocks - 1)


@pytest.mark.parametrize("name", NAMES)
def test_how_weights_start_and_that_only_penalized_discriminators_have_biases(name: str) -> None:
    for network in networks(paper(name), shape_of(name)):
        options = network.options
        assert options.init is not None
        assert options.init.model_dump() == {"std": 0.02}
        if network.context.network == "generator" or name not in (WGAN_GP, DRAGAN):
            (norm,) = at(options.norm, 4)
            assert norm.model_dump() == {"eps": 1e-5, "gain_std": 0.0 if name == WGAN_GP else 0.02}
        has_biases = network.context.network == "discriminator" and name in (WGAN_GP, DRAGAN)
        weighted = [layer for layer in network.modules() if isinstance(layer, WEIGHTED)]
        assert all((getattr(layer, "bias", None) is not None) == has_biases for layer in weighted)


@pytest.mark.parametrize("name", slow_but([DRAGAN], NAMES))
def test_every_system_trains(name: str) -> None:
    assert not untouched_by_training(small(name, resolution=16, images=80))
