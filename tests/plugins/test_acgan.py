"""The auxiliary classifier: its value in both steps, what it refuses, and that it learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.config.checks import problems
from gankit.training.step import Step

LABELLED = {"use": "digits", "labels": True}


def step_of(phase: Literal["generator", "discriminator"]) -> Step:
    """A step of real networks at 8x8 on the first digits."""
    made = trainer(tiny(data=LABELLED, regularizers="auxiliary-classifier"))
    made.generator.grow(8, 1.0)
    made.discriminator.grow(8, 1.0)
    images, labels = made.reals.take(8, made.reals.indices(0, 0, 6), made.device)
    return Step(phase, (0,), made.generator, made.discriminator, (), images, labels, lambda _: {})


def cross_entropy_by_hand(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of -log softmax at the label."""
    return torch.stack(
        [logit.exp().sum().log() - logit[label] for logit, label in zip(logits, labels, strict=True)]
    ).mean()


def test_the_discriminators_share_is_the_cross_entropy_of_reals_and_of_fakes() -> None:
    step = step_of("discriminator")
    value = component("regularizer", "auxiliary-classifier", weight=2.5).discriminator(step)
    assert step.labels is not None
    assert len(step.labels.unique()) > 1
    real, fake = (step.discriminator(images, step.labels).classes for images in (step.real, step.fake))
    assert real is not None
    assert fake is not None
    torch.testing.assert_close(value, 2.5 * (F.cross_entropy(real, step.labels) + F.cross_entropy(fake, step.labels)))
    by_hand = cross_entropy_by_hand(real, step.labels) + cross_entropy_by_hand(fake, step.labels)
    torch.testing.assert_close(value, 2.5 * by_hand)


def test_the_generators_share_is_the_cross_entropy_of_fakes_and_reaches_its_weights() -> None:
    step = step_of("generator")
    value = component("regularizer", "auxiliary-classifier").generator(step)
    assert step.labels is not None
    fake = step.discriminator(step.fake, step.labels).classes
    assert fake is not None
    torch.testing.assert_close(value, F.cross_entropy(fake, step.labels))
    (gradient,) = torch.autograd.grad(value, step.generator.stem.get_parameter("bias.bias"))
    assert gradient.any()


def test_both_steps_have_the_same_weight_of_one_by_default() -> None:
    record = trainer(tiny(data=LABELLED, regularizers="auxiliary-classifier")).iteration()
    # untrained logits are near zero, and a guess among ten classes costs log 10
    assert float(record["penalty.auxiliary-classifier.generator"]) == pytest.approx(2.3, abs=1)
    assert float(record["penalty.auxiliary-classifier.discriminator"]) == pytest.approx(4.6, abs=2)


def refusals(data: Any = LABELLED, labels: str = "classify") -> list[str]:
    discriminator = discriminator_options(tiny()).model_dump() | {"head": {"use": "pggan", "labels": labels}}
    found = problems(tiny(data=data, discriminator=discriminator, regularizers=["drift", "auxiliary-classifier"]))
    assert all(path == ("regularizers", 1) for path, _ in found)
    return [message for _, message in found]


def test_data_without_classes_is_refused() -> None:
    assert refusals() == []
    assert refusals("digits") == [
        "needs classes, but the data has none; set data.labels: true, or use data that has labels"
    ]


@pytest.mark.parametrize("labels", ["select", "ignore"])
def test_a_head_that_does_not_classify_is_refused(labels: str) -> None:
    message = "needs class logits, but discriminator.head gives none; use {use: pggan, labels: classify}"
    assert refusals(labels=labels) == [message]
    assert len(refusals("digits", labels)) == 2


def test_data_that_cannot_be_read_here_is_not_its_business(tmp_path: Path) -> None:
    data = {"use": "folder", "path": tmp_path / "missing", "labels": True, "channels": 1}
    regularizer = component("regularizer", "auxiliary-classifier")
    assert list(regularizer.problems(tiny(data=data))) == []
    discriminator = discriminator_options(tiny()).model_dump() | {"head": {"use": "pggan", "labels": "ignore"}}
    assert len(list(regularizer.problems(tiny(data=data, discriminator=discriminator)))) == 1


def mean(records: Sequence[dict[str, Tensor]], network: str) -> float:
    return sum(float(record[f"penalty.auxiliary-classifier.{network}"]) for record in records) / len(records)


@pytest.mark.slow
def test_in_training_both_cross_entropies_fall() -> None:
    network = {"block": "conv", "rgb": "rgb", "channels": 16}
    made = trainer(
        tiny(
            data=LABELLED,
            growth={"use": "fixed", "resolution": 8, "images": "100k"},
            generator=tiny().generator.model_dump() | network,
            discriminator=discriminator_options(tiny()).model_dump() | network,
            loss="non-saturating",
            regularizers=["r1", "auxiliary-classifier"],
            training={"batch": 32, "device": "cpu", "optimizer": {"use": "adam", "lr": 3e-3}},
        )
    )
    records = [made.iteration() for _ in range(150)]
    for name in ("discriminator", "generator"):
        assert mean(records[-10:], name) < 0.6 * mean(records[:10], name)
