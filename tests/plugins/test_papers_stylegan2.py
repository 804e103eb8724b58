"""StyleGAN2's files in experiments/papers, held against the authors' presets and parameter counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from support.case import Case
from support.discriminators import discriminator_options
from support.papers import PAPERS, paper, sizes, small, untouched_by_training
from support.slow import slow_but

from gankit import at
from gankit.core.component import as_options


class Preset(NamedTuple):
    """What the authors' presets settle."""

    resolution: int
    images: int
    batch: int
    group: int
    maps: float
    rate: float
    gamma: float
    half_life: int
    warmup: float
    layers: int


PRESETS = {
    "stylegan2-ffhq-1024": Preset(1024, 25_000_000, 32, 4, 1, 2e-3, 10, 10_000, 0, 8),
    "stylegan2-ada-paper-1024": Preset(1024, 25_000_000, 32, 4, 1, 2e-3, 2, 10_000, 0, 8),
    "stylegan2-ada-paper-512": Preset(512, 25_000_000, 64, 8, 1, 2.5e-3, 0.5, 20_000, 0, 8),
    "stylegan2-ada-paper-256": Preset(256, 25_000_000, 64, 8, 0.5, 2.5e-3, 1, 20_000, 0, 8),
    "stylegan2-ada-auto-256": Preset(256, 25_000_000, 16, 4, 0.5, 2.5e-3, 0.0002 * 256**2 / 16, 5_000, 0.05, 2),
    "stylegan2-ada-cifar10": Preset(32, 100_000_000, 64, 32, 1, 2.5e-3, 0.01, 500_000, 0.05, 2),
}
NAMES = pytest.mark.parametrize("name", PRESETS)
CIFAR10 = "stylegan2-ada-cifar10"


def test_each_file_has_its_preset() -> None:
    assert {file.stem for file in PAPERS.glob("stylegan2-*.yaml")} == set(PRESETS)


@NAMES
def test_settings_are_the_authors(name: str) -> None:
    experiment, preset = paper(name), PRESETS[name]
    (stage,), training = experiment.growth.stages(), experiment.training
    assert (stage.resolution, stage.images) == (preset.resolution, preset.images)
    assert at(training.batch, preset.resolution) == preset.batch
    for _, optimizer in training.optimizer:
        assert optimizer.model_dump() == {"lr": preset.rate, "betas": (0.0, 0.99), "eps": 1e-8}
    average: dict[str, Any] = training.average.model_dump()
    assert (average["half_life"], average["warmup"]) == (preset.half_life, preset.warmup)
    regularizers: dict[str, Any] = {as_options(each)["use"]: each.model_dump() for each in experiment.regularizers}
    assert regularizers["r1/r1"]["gamma"] == pytest.approx(preset.gamma)
    assert regularizers["r1/r1"]["every"] == 16
    assert regularizers["diversity/minibatch-stddev"]["group"] == preset.group
    expected = {"weight": 2.0, "decay": 0.01, "shrink": 2, "every": 4}
    assert regularizers.get("stylegan2/path-length") == (None if name == CIFAR10 else expected)
    for network in experiment.networks():
        for resolution in (4 << i for i in range((preset.resolution // 4).bit_length())):
            assert at(network.channels, resolution) == min(int(32768 * preset.maps) // resolution, 512)


@NAMES
def test_mapping_and_variants_are_the_authors(name: str) -> None:
    experiment = paper(name)
    mapping: dict[str, Any] = experiment.generator.mapping.model_dump()
    assert (mapping["layers"], mapping["mixing"]) == (PRESETS[name].layers, 0 if name == CIFAR10 else 0.9)
    assert (mapping["width"], experiment.generator.latent) == (512, 512)
    assert as_options(experiment.generator.join)["use"] == "basics/sum"
    discriminator = discriminator_options(experiment)
    assert as_options(discriminator.join)["use"] == "basics/blend"  # there is nothing that fades in
    of_discriminator: dict[str, Any] = at(discriminator.block, 1024)[0].model_dump()
    assert of_discriminator["residual"] == (name != CIFAR10)


def test_configuration_f_has_as_many_parameters() -> None:
    *expected, styles = Case("param_counts")["out.sg2_1024_configF"].tolist()
    assert list(sizes(paper("stylegan2-ffhq-1024"))) == expected
    assert styles == 18


@pytest.mark.parametrize("name", slow_but([CIFAR10], ["stylegan2-ffhq-1024", CIFAR10]))
def test_it_trains(name: str) -> None:
    assert not untouched_by_training(small(name, resolution=16, images=32))


@NAMES
def test_only_those_of_ada_augment(name: str) -> None:
    assert [as_options(each)["use"] for each in paper(name).augment] == (["ada/ada"] if "-ada-" in name else [])
