"""R3GAN's files in experiments/papers: what moves in them, their size, and that they train."""

from __future__ import annotations

from typing import Any

import pytest
from support.case import Case
from support.papers import paper, sizes, small, untouched_by_training
from support.slow import slow_but

from gankit.config.experiment import Experiment
from gankit.config.schedules import Acting
from gankit.core.progress import progress_at
from gankit.networks.growing import ImageShape

MILLION = 1_000_000
PUBLISHED = {  # images, batch, gamma, half-life and probability at the end, classes
    "cifar10": (20 * MILLION, 512, (0.05, 0.005), 5 * MILLION, 0.55, 10),
    "ffhq-64": (20 * MILLION, 256, (2, 0.2), 500_000, 0.3, 0),
    "ffhq-256": (20 * MILLION, 256, (150, 15), 500_000, 0.3, 0),
    "imagenet-32": (200 * MILLION, 4096, (0.5, 0.05), 50 * MILLION, 0.5, 1000),
    "imagenet-64": (200 * MILLION, 4096, (1, 0.1), 50 * MILLION, 0.4, 1000),
}
NAMES = pytest.mark.parametrize("name", PUBLISHED)


def shape_of(name: str, classes: int) -> ImageShape:
    (stage,) = paper(f"r3gan-{name}").growth.stages()
    return ImageShape((stage.resolution,), 3, classes)


def numbers(experiment: Experiment, images: int) -> dict[str, Any]:
    """The five that move, where a run stands."""
    now = progress_at(experiment.stages(), images)
    acting = Acting(experiment, now).experiment
    optimizers: list[Any] = [optimizer for _, optimizer in acting.training.optimizer]
    penalties: list[Any] = [penalty.model_dump() for penalty in acting.regularizers]
    average: Any = acting.training.average
    assert [penalty["every"] for penalty in penalties] == [1, 1]
    assert penalties[0]["gamma"] == penalties[1]["gamma"]
    assert optimizers[0].betas == optimizers[1].betas
    (augmentation,) = acting.augment
    return {
        "lr": optimizers[0].learning_rate(now),
        "beta1": optimizers[0].betas[0],
        "beta2": optimizers[0].betas[1],
        "gamma": penalties[0]["gamma"],
        "half_life": average.half_life[0],
        "p": augmentation.model_dump()["p"],
    }


@NAMES
def test_five_numbers_move(name: str) -> None:
    total, batch, (first, last), half_life, probability, _ = PUBLISHED[name]
    experiment = paper(f"r3gan-{name}")
    (stage,) = experiment.growth.stages()
    assert (stage.images, experiment.training.batch) == (total, {0: batch})
    begin, middle, end = (numbers(experiment, total * halves // 2) for halves in range(3))
    assert begin == pytest.approx({"lr": 2e-4, "beta1": 0, "beta2": 0.9, "gamma": first, "half_life": 0, "p": 0})
    assert end == pytest.approx(
        {"lr": 5e-5, "beta1": 0, "beta2": 0.99, "gamma": last, "half_life": half_life, "p": probability}
    )
    assert middle["gamma"] == pytest.approx((first + last) / 2)
    assert middle["half_life"] == pytest.approx(half_life / 2)


def test_size_of_both_networks() -> None:
    """The authors' count for CIFAR-10 without labels; in millions, what is remembered of the paper for the others."""
    assert sizes(paper("r3gan-cifar10"), shape_of("cifar10", 0)) == (0, *Case("param_counts")["out.r3gan_cifar10_G_D"])
    assert round(sizes(paper("r3gan-ffhq-256"), shape_of("ffhq-256", 0))[1] / MILLION, 1) == 23.1
    mapping, rest, _ = sizes(paper("r3gan-imagenet-64"), shape_of("imagenet-64", 1000))
    assert mapping == 64 * 1000
    assert round((mapping + rest) / MILLION) == 104


@pytest.mark.parametrize("name", slow_but(["cifar10"], ["cifar10", "ffhq-64"]))
def test_they_train_and_no_weight_is_left_out(name: str) -> None:
    data = "{use: digits, labels: true}" if name == "cifar10" else "digits"
    assert untouched_by_training(small(f"r3gan-{name}", data, resolution=16, images=64)) == []
