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
PUBLISHED = {  # millions of images while numbers move, and in all; batch, gamma, half-life and probability at the end
    "cifar10": (20, 250, 512, (0.05, 0.005), 5 * MILLION, 0.55),
    "ffhq-64": (20, 100, 256, (2, 0.2), 500_000, 0.3),
    "ffhq-256": (20, 200, 256, (150, 15), 500_000, 0.3),
    "imagenet-32": (200, 1000, 4096, (0.5, 0.05), 50 * MILLION, 0.5),
    "imagenet-64": (200, 1000, 4096, (1, 0.1), 50 * MILLION, 0.4),
}
"""Table 9 of the paper."""
SIZES = {  # classes, millions of parameters of generator and discriminator
    "cifar10": (10, 20.78, 21.28),
    "ffhq-64": (0, 22.43, 22.38),
    "ffhq-256": (0, 23.06, 23.01),
    "imagenet-32": (1000, 82.91, 86.55),
    "imagenet-64": (1000, 103.57, 107.21),
}
"""The same table's."""


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


@pytest.mark.parametrize("name", PUBLISHED)
def test_five_numbers_move_and_then_stay(name: str) -> None:
    moving, total, batch, (first, last), half_life, probability = PUBLISHED[name]
    experiment = paper(f"r3gan-{name}")
    (stage,) = experiment.growth.stages()
    assert (stage.images, experiment.training.batch) == (total * MILLION, {0: batch})
    begin, middle, end = (numbers(experiment, moving * MILLION * halves // 2) for halves in range(3))
    assert numbers(experiment, total * MILLION) == end
    assert begin == pytest.approx({"lr": 2e-4, "beta1": 0, "beta2": 0.9, "gamma": first, "half_life": 0, "p": 0})
    assert end == pytest.approx(
        {"lr": 5e-5, "beta1": 0, "beta2": 0.99, "gamma": last, "half_life": half_life, "p": probability}
    )
    assert middle["gamma"] == pytest.approx((first + last) / 2)
    assert middle["half_life"] == pytest.approx(half_life / 2)


def test_size_of_both_networks_without_labels() -> None:
    """As the authors' code has it."""
    assert sizes(paper("r3gan-cifar10"), shape_of("cifar10", 0)) == (0, *Case("param_counts")["out.r3gan_cifar10_G_D"])


@pytest.mark.parametrize("name", SIZES)
def test_size_of_both_networks(name: str) -> None:
    classes, *published = SIZES[name]
    mapping, rest, discriminator = sizes(paper(f"r3gan-{name}"), shape_of(name, classes))
    assert [round(count / MILLION, 2) for count in (mapping + rest, discriminator)] == published


@pytest.mark.parametrize("name", slow_but(["cifar10"], ["cifar10", "ffhq-64"]))
def test_they_train_and_no_weight_is_left_out(name: str) -> None:
    data = "{use: digits, labels: true}" if name == "cifar10" else "digits"
    assert untouched_by_training(small(f"r3gan-{name}", data, resolution=16, images=64)) == []
