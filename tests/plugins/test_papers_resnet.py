"""The residual systems in experiments/papers, held against the papers' settings and the authors' parameter counts."""

from __future__ import annotations

import pytest
from support.case import Case
from support.papers import networks, paper, sizes, small, untouched_by_training
from support.slow import slow_but
from torch import nn

from gankit import at
from gankit.config.schedules import Acting
from gankit.core.progress import progress_at
from gankit.networks.growing import ImageShape
from gankit.networks.layers import WEIGHTED
from gankit_sagan.modules import SelfAttention
from gankit_sngan.modules import ConditionalBatchNorm, SpectralNorm

SNGAN, SAGAN = "sngan-cifar10", "sagan-imagenet-128"
WGAN, WGAN_LAYER = "wgan-gp-resnet-cifar10", "wgan-gp-resnet-layer-norm-cifar10"
NAMES = [SNGAN, WGAN, WGAN_LAYER, SAGAN]
IMAGENET = ImageShape((128,), 3, 1000)

TRAINING = {  # batch, steps of the discriminator, batches of the generator, its updates, learning rates, decay
    SNGAN: (64, 5, 2, 50_000, (2e-4, 2e-4), "linear"),
    WGAN: (64, 5, 2, 100_000, (2e-4, 2e-4), "linear"),
    WGAN_LAYER: (64, 5, 2, 100_000, (2e-4, 2e-4), "linear"),
    SAGAN: (256, 1, 1, 1_000_000, (1e-4, 4e-4), "none"),
}


@pytest.mark.parametrize("name", NAMES)
def test_updates_batches_and_learning_rates(name: str) -> None:
    training, (stage,) = paper(name).training, paper(name).growth.stages()
    batch, steps, batches, updates, rates, decay = TRAINING[name]
    assert at(training.batch, stage.resolution) == batch
    assert (training.discriminator_steps, training.generator_batches) == (steps, batches)
    assert stage.images == updates * steps * batch
    for rate, (network, optimizer) in zip(rates, training.optimizer, strict=True):
        assert optimizer.model_dump() | {"lr": None} == {"lr": None, "betas": (0, 0.9), "eps": 1e-8}
        for quarters in (0, 1, 4):
            now = progress_at([stage], quarters * stage.images // 4)
            acting = getattr(Acting(paper(name), now).experiment.training.optimizer, network)
            expected = rate * (1 - quarters / 4) if decay == "linear" else rate
            assert acting.learning_rate(now) == pytest.approx(expected)


def test_losses_and_penalties() -> None:
    for name in NAMES:
        experiment = paper(name)
        wasserstein = "wgan" in name
        assert type(experiment.loss).__name__ == ("Wasserstein" if wasserstein else "Hinge")
        penalties = [penalty.model_dump() for penalty in experiment.regularizers]
        assert penalties == ([{"every": 1, "weight": 10.0, "target": 1.0}] if wasserstein else [])


def test_sngan_has_as_many_parameters() -> None:
    """The reimplementation that was counted gives the score a bias, which the authors' on CIFAR-10 has not."""
    generator, discriminator = Case("param_counts")["out.sngan_32_G_D"].long().tolist()
    shape = ImageShape((32,), 3)
    assert sizes(paper(SNGAN), shape) == (0, generator, discriminator - 1)
    assert sizes(paper(SNGAN, "discriminator.head.bias=true"), shape) == (0, generator, discriminator)


def test_sagan_has_as_many_parameters() -> None:
    """81.5 million in both networks together, says Brock et al. 2019, table 1, first row."""
    _, generator, discriminator = sizes(paper(SAGAN), IMAGENET)
    assert (generator, discriminator) == (42_078_852, 39_463_618)
    assert round((generator + discriminator) / 1e6, 1) == 81.5


def test_the_critics_of_wgan_gp_differ_in_layer_normalization_alone() -> None:
    one, two = paper(WGAN).model_dump(), paper(WGAN_LAYER).model_dump()
    assert {option for option in one if one[option] != two[option]} == {"name", "discriminator"}
    plain, normalized = (networks(paper(name), ImageShape((32,), 3))[1] for name in (WGAN, WGAN_LAYER))
    assert not [layer for layer in plain.modules() if isinstance(layer, nn.GroupNorm | nn.BatchNorm2d)]
    norms = [layer for layer in normalized.modules() if isinstance(layer, nn.GroupNorm)]
    assert [norm.num_channels for norm in norms] == [128] * 7  # one in the block that reads the image
    assert (
        sizes(paper(WGAN_LAYER), ImageShape((32,), 3))[2] == sizes(paper(WGAN), ImageShape((32,), 3))[2] + 7 * 2 * 128
    )


@pytest.mark.parametrize(("name", "reaches"), [(SNGAN, (False, True)), (SAGAN, (True, True)), (WGAN, (False, False))])
def test_spectral_normalization_reaches_every_weight_of_its_networks(name: str, reaches: tuple[bool, bool]) -> None:
    shape = IMAGENET if name == SAGAN else ImageShape((32,), 3)
    for network, all_of_them in zip(networks(paper(name), shape), reaches, strict=True):
        layers = [layer for layer in network.modules() if isinstance(layer, WEIGHTED)]
        norms = [module for module in network.modules() if isinstance(module, SpectralNorm)]
        assert len(norms) == (len(layers) if all_of_them else 0)


def test_sagan_knows_classes_by_norms_in_one_network_and_a_projection_in_the_other() -> None:
    generator, discriminator = networks(paper(SAGAN), IMAGENET)
    tables = [norm.gamma.shape for norm in generator.modules() if isinstance(norm, ConditionalBatchNorm)]
    widths = (1024, 1024, 1024, 512, 512, 256, 256, 128, 128, 64)
    assert tables == [(1000, width) for width in widths]
    assert not [module for module in generator.modules() if isinstance(module, nn.Embedding)]
    embedding = discriminator.head.get_submodule("score.embedding")
    assert (embedding.num_embeddings, embedding.embedding_dim) == (1000, 1024)
    for network, channels in ((generator, 256), (discriminator, 128)):
        ((context, attention),) = [
            (name, module) for name, module in network.named_modules() if isinstance(module, SelfAttention)
        ]
        assert context.startswith("blocks.32.")
        assert attention.get_submodule("query").in_channels == channels


def test_where_resolutions_change() -> None:
    """SNGAN's discriminator goes down twice and then keeps 8x8; all others go to 4x4."""
    seen = {}
    for name in (SNGAN, SAGAN):
        for network in networks(paper(name), IMAGENET if name == SAGAN else ImageShape((32,), 3)):
            seen[name, network.context.network] = network.resolutions
    assert seen[SNGAN, "generator"] == (4, 8, 16, 32)
    assert seen[SNGAN, "discriminator"] == (8, 16, 32)
    assert seen[SAGAN, "generator"] == seen[SAGAN, "discriminator"] == (4, 8, 16, 32, 64, 128)


@pytest.mark.parametrize("name", slow_but([WGAN_LAYER], NAMES))
def test_every_system_trains(name: str) -> None:
    data, resolution = ("{use: digits, labels: true}", 64) if name == SAGAN else ("digits", 32)
    assert not untouched_by_training(small(name, data, resolution=resolution, images=80))
