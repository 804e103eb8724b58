"""The growing systems in experiments/papers, held against the authors' own schedules, losses and parameter counts."""

from __future__ import annotations

import pytest
from support.case import Case
from support.papers import PAPERS, networks, paper, sizes, small, untouched_by_training
from support.schedules import check_schedule, kept_share

from gankit import at
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.config.yaml.marks import Mistake
from gankit.core.component import as_options
from gankit.core.progress import progress_in
from gankit_sagan.modules import SelfAttention

NAMES = sorted(file.stem for system in ("pggan", "stylegan", "residual") for file in PAPERS.glob(f"{system}-*.yaml"))
SYSTEMS = [name for name in NAMES if "-batch-" not in name]

BATCHES: dict[str, tuple[int, dict[int, int]]] = {
    "pggan-celebahq-1024": (4, {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}),
    "pggan-celebahq-1024-batch-2gpu": (8, {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8}),
    "pggan-celebahq-1024-batch-4gpu": (16, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16}),
    "pggan-celebahq-1024-batch-8gpu": (32, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}),
    "stylegan-ffhq-1024": (32, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}),
    "stylegan-ffhq-1024-batch-1gpu": (4, {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}),
}
"""The authors' presets: a batch for all resolutions, and those of single resolutions."""

STYLEGAN_RATES = {128: 1.5e-3, 256: 2e-3, 512: 3e-3, 1024: 3e-3}
RATES: dict[str, dict[int, float]] = {
    "pggan-celebahq-1024": {1024: 1.5e-3},
    "pggan-celebahq-1024-batch-2gpu": {512: 1.5e-3, 1024: 2e-3},
    "pggan-celebahq-1024-batch-4gpu": {256: 1.5e-3, 512: 2e-3, 1024: 3e-3},
    "pggan-celebahq-1024-batch-8gpu": STYLEGAN_RATES,
    "stylegan-ffhq-1024": STYLEGAN_RATES,
    "stylegan-ffhq-1024-batch-1gpu": STYLEGAN_RATES,
}
"""The authors' learning rates of single resolutions; 1e-3 elsewhere."""


def resolutions(experiment: Experiment) -> list[int]:
    return [stage.resolution for stage in experiment.growth.stages()]


@pytest.mark.parametrize("name", sorted(file.stem for file in PAPERS.glob("*.yaml")))
def test_every_file_is_valid_and_lacks_nothing_but_data_and_weights(name: str) -> None:
    lacking: list[Mistake] = []
    experiment = load_experiment(PAPERS / f"{name}.yaml", note=lacking.append)
    assert experiment.name == name
    assert all("there is no folder" in each.message or "weights of InceptionV3" in each.message for each in lacking)


@pytest.mark.parametrize(
    ("name", "case", "key", "images"),
    [
        ("pggan-celebahq-1024", "tf_pggan_schedule", "v2_1gpu_1024", 12_000_000),
        ("pggan-cifar10", "tf_pggan_schedule", "default_32", 12_000_000),
        ("stylegan-ffhq-1024-batch-1gpu", "tf_stylegan_schedule", "ffhq_1gpu", 25_000_000),
    ],
)
def test_schedules_are_the_authors(name: str, case: str, key: str, images: int) -> None:
    experiment = paper(name)
    check_schedule(Case(case), key, experiment.growth, experiment.training)
    assert sum(stage.images for stage in experiment.growth.stages()) == images
    assert experiment.training.reset_optimizer


@pytest.mark.parametrize("name", list(BATCHES))
def test_batches_and_learning_rates_are_those_of_the_authors_presets(name: str) -> None:
    experiment, (base, batches) = paper(name), BATCHES[name]
    for number, resolution in enumerate(resolutions(experiment), start=1):
        assert at(experiment.training.batch, resolution) == batches.get(resolution, base)
        for _, optimizer in experiment.training.optimizer:
            assert optimizer.learning_rate(progress_in(experiment.stages(), number, 0)) == RATES[name].get(
                resolution, 1e-3
            )


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("pggan")])
def test_the_average_of_pggan_keeps_as_much_each_update(name: str) -> None:
    stages = paper(name).stages()
    for number in range(1, len(stages) + 1):
        assert kept_share(paper(name).training, progress_in(stages, number, 0)) == pytest.approx(0.999, abs=1e-6)


def test_losses_have_the_strengths_of_the_authors_code() -> None:
    settings = Case("tf_stylegan_losses").meta["args"]
    r1, _ = paper("stylegan-ffhq-1024").regularizers
    assert r1.model_dump() == {"every": 1, "gamma": settings["r1_gamma"]}
    for name in ("stylegan-celebahq-1024-wgan-gp", "pggan-celebahq-1024"):
        penalty, drift, _ = paper(name).regularizers
        expected = {"every": 1, "weight": settings["wgan_lambda"], "target": settings["wgan_target"]}
        assert penalty.model_dump() == expected
        assert drift.model_dump() == {"every": 1, "weight": settings["wgan_epsilon"]}


def test_the_gradients_norm_is_held_at_750_on_cifar10() -> None:
    for name in ("pggan-cifar10", "pggan-cifar10-labels"):
        penalty = paper(name).regularizers[0]
        assert penalty.model_dump() == {"every": 1, "weight": 10.0, "target": 750.0}


@pytest.mark.parametrize("name", NAMES)
def test_adam_groups_and_mirroring_are_karras(name: str) -> None:
    experiment = paper(name)
    for _, optimizer in experiment.training.optimizer:
        options = optimizer.model_dump()
        assert (options["betas"], options["eps"]) == ((0.0, 0.99), 1e-8)
    groups = [r.model_dump()["group"] for r in experiment.regularizers if "group" in type(r).model_fields]
    assert groups == [4]
    assert experiment.training.mirror == ("cifar10" not in name)


def test_gates_learn_at_a_tenth_of_the_rate() -> None:
    experiment = paper("residual-attention-celeba-128-gate")
    assert experiment.fading.rate == 0.1
    for network in experiment.networks():
        assert as_options(network.join) == {"use": "basics/gate"}


@pytest.mark.parametrize(("name", "row"), [("pggan-cifar10", 0), ("pggan-celebahq-1024", 1)])
def test_pggan_has_as_many_parameters(name: str, row: int) -> None:
    assert list(sizes(paper(name))[1:]) == Case("param_counts")["out.pggan"][row, 4:].tolist()


def test_stylegan_has_as_many_parameters() -> None:
    """The authors' also hold ways into and out of images of 4x4, which a growth from 8x8 never uses; ours do not."""
    mapping, synthesis, discriminator = Case("param_counts")["out.stylegan"][0, 2:].long().tolist()
    from_4 = paper("stylegan-ffhq-1024", "growth.start=4", "growth.images.4=600k")
    assert sizes(from_4) == (mapping, synthesis, discriminator)
    into_image, out_of_image = 512 * 3 + 3, 3 * 512 + 512
    assert sizes(paper("stylegan-ffhq-1024")) == (mapping, synthesis - into_image, discriminator - out_of_image)


@pytest.mark.parametrize(
    ("name", "other", "differences"),
    [
        ("pggan-celebahq-1024", "pggan-celebahq-1024-batch-4gpu", {"name", "training"}),
        ("pggan-celebahq-1024", "pggan-lsun-256", {"name", "data", "growth"}),
        ("pggan-cifar10", "pggan-cifar10-labels", {"name", "data", "regularizers"}),
        ("stylegan-ffhq-1024", "stylegan-ffhq-1024-batch-1gpu", {"name", "training"}),
        ("stylegan-ffhq-1024", "stylegan-celebahq-1024-wgan-gp", {"name", "data", "loss", "regularizers"}),
        (
            "residual-attention-celeba-128",
            "residual-attention-celeba-128-gate",
            {"name", "fading", "generator", "discriminator"},
        ),
    ],
)
def test_what_extends_another_differs_in_what_it_says(name: str, other: str, differences: set[str]) -> None:
    one, two = paper(name).model_dump(), paper(other).model_dump()
    assert {option for option in one if one[option] != two[option]} == differences


def test_attention_stands_at_32_in_both_networks() -> None:
    for network in networks(paper("residual-attention-celeba-128")):
        attentive = {name for name, module in network.named_modules() if isinstance(module, SelfAttention)}
        assert {name.split(".")[1] for name in attentive} == {"32"}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_trains_through_its_growth(name: str) -> None:
    data = "{use: digits, labels: true}" if "labels" in name else "digits"
    still = untouched_by_training(small(name, data, final=16, images=32, fade=16))
    assert not [key for key in still if "weight" in key and "noise" not in key], still
