"""BigGAN in experiments/papers, held against the paper's settings and the authors' parameter counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from support.papers import networks, paper, sizes, small, untouched_by_training
from support.slow import slow_but
from torch import nn

from gankit import at
from gankit.config.schedules import Acting
from gankit.core.progress import progress_at
from gankit.networks.growing import ImageShape
from gankit.networks.layers import WEIGHTED
from gankit_biggan.modules import DenseConditionalBatchNorm, OwnStyle
from gankit_sagan.modules import SelfAttention
from gankit_sngan.modules import SpectralNorm

IMAGENET, CIFAR = "biggan-imagenet-128", "biggan-cifar10"
NARROW = (
    "generator.channels={4: 1024, 16: 512, 32: 256, 64: 128, 128: 64}",
    "discriminator.channels={4: 1024, 8: 512, 16: 256, 32: 128, 64: 64}",
)


class Settings(NamedTuple):
    """What a file says."""

    shape: ImageShape
    batch: int
    steps: int
    updates: int
    rates: tuple[float, float]
    average_from: int
    eps: float
    parameters: tuple[int, int]
    norms: list[int]
    first: tuple[int, int]


SETTINGS = {
    IMAGENET: Settings(
        shape=ImageShape((128,), 3, 1000),
        batch=2048,
        steps=2,
        updates=200_000,
        rates=(5e-5, 2e-4),
        average_from=20_000,
        eps=1e-4,
        parameters=(70_433_988, 87_982_370),
        norms=[1536, 1536, 1536, 768, 768, 384, 384, 192, 192, 96],
        first=(20, 16 * 1536),
    ),
    CIFAR: Settings(
        shape=ImageShape((32,), 3, 10),
        batch=50,
        steps=4,
        updates=125_000,
        rates=(2e-4, 2e-4),
        average_from=1_000,
        eps=1e-5,
        parameters=(4_373_251, 4_207_361),
        norms=[256] * 6,
        first=(32, 16 * 256),
    ),
}
NAMES = [*SETTINGS]


@pytest.mark.parametrize("name", NAMES)
def test_updates_batches_learning_rates_and_average(name: str) -> None:
    wanted, training, (stage,) = SETTINGS[name], paper(name).training, paper(name).growth.stages()
    assert at(training.batch, stage.resolution) == wanted.batch
    assert (training.discriminator_steps, training.generator_batches) == (wanted.steps, 1)
    assert stage.images == wanted.updates * wanted.steps * wanted.batch
    for rate, (_, optimizer) in zip(wanted.rates, training.optimizer, strict=True):
        assert optimizer.model_dump() == {"lr": rate, "betas": (0, 0.999), "eps": 1e-8}
    begins = wanted.average_from * wanted.steps * wanted.batch
    for images, decay in ((0, 0), (begins - 1, 0), (begins, 0.9999), (stage.images, 0.9999)):
        acting: Any = Acting(paper(name), progress_at([stage], images)).experiment
        assert acting.training.average.decay == {0: decay}
    assert training.average.statistics == "estimate"


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_regularization(name: str) -> None:
    experiment = paper(name)
    assert type(experiment.loss).__name__ == "Hinge"
    assert [each.model_dump() for each in experiment.regularizers] == [{"every": 1, "weight": 1e-4}]


@pytest.mark.parametrize("name", slow_but([CIFAR], NAMES))
def test_as_many_parameters_as_the_authors_networks_for_pytorch(name: str) -> None:
    mapping, generator, discriminator = sizes(paper(name), SETTINGS[name].shape)
    assert (mapping + generator, discriminator) == SETTINGS[name].parameters


@pytest.mark.slow
def test_as_many_parameters_as_in_table_1() -> None:
    """71.3 million in both with 64 maps at the highest resolution, 158.3 with 96, where the authors' code has 158.4."""
    shape = SETTINGS[IMAGENET].shape
    assert round(sum(sizes(paper(IMAGENET, *NARROW), shape)) / 1e6, 1) == 71.4
    assert sum(SETTINGS[IMAGENET].parameters) == 158_416_358


@pytest.mark.parametrize("name", slow_but([CIFAR], NAMES))
def test_norms_stem_attention_and_spectral_normalization_stand_as_in_the_paper(name: str) -> None:
    wanted = SETTINGS[name]
    generator, discriminator = networks(paper(name), wanted.shape)
    norms = [module for module in generator.modules() if isinstance(module, DenseConditionalBatchNorm)]
    assert [norm.normalize.num_features for norm in norms] == wanted.norms
    assert {norm.normalize.eps for norm in norms} == {wanted.eps}
    assert {norm.gamma.in_features for norm in norms} == {wanted.first[0] + 128}
    assert generator.styles == 1 + len(norms)
    plain = generator.rgb[str(generator.resolution)].get_submodule("norm")
    assert isinstance(plain, nn.BatchNorm2d)
    assert plain.eps == wanted.eps
    assert isinstance(generator.stem, OwnStyle)
    assert (generator.stem.dense.in_features, generator.stem.dense.out_features) == wanted.first
    for network in (generator, discriminator):
        layers = [layer for layer in network.modules() if isinstance(layer, WEIGHTED)]
        assert len(layers) == len([module for module in network.modules() if isinstance(module, SpectralNorm)])
        found = [name for name, module in network.named_modules() if isinstance(module, SelfAttention)]
        assert [each.startswith("blocks.64.") for each in found] == ([True] if name == IMAGENET else [])


TRAINED = [(CIFAR, 32, 8), (IMAGENET, 128, 12)]


@pytest.mark.parametrize(("name", "resolution", "latent"), slow_but(TRAINED[:1], TRAINED, together=True))
def test_every_system_trains(name: str, resolution: int, latent: int) -> None:
    further = (
        f"generator.latent={latent}",
        "generator.stem.inputs=2",
        "training.batch=2",
        "training.average.statistics=copy",  # to estimate them takes 4,096 images
    )
    experiment = small(name, "{use: digits, labels: true}", *further, resolution=resolution, images=16)
    assert not untouched_by_training(experiment)
