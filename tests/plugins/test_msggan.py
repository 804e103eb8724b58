"""Penalties, ties and augmentations where samples are images of all scales."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from support.parts import double_precision
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.config.checks import problems
from gankit.core.registry import registries
from gankit.training.step import Step
from gankit.training.trainer import Trainer

NETWORK = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}}


def of_scales(**changes: Any) -> Trainer:
    """Networks of 4x4 and 8x8 at once."""
    options: dict[str, Any] = {
        "growth": {"use": "all-scales", "start": 4, "final": 8, "images": 64},
        "generator": NETWORK | {"mapping": "normalized", "stem": "pggan", "latent": 8},
        "discriminator": NETWORK | {"head": "pggan", "norm": "equalized", "join": "concatenate"},
        "regularizers": [],
    }
    return trainer(tiny(**{**options, **changes}))


def step_of(made: Trainer, phase: Any = "discriminator") -> Step:
    reals = made._batch().images.to(torch.get_default_dtype())
    networks = made.generator, made.discriminator
    return Step(phase, ("a step",), *networks, (), reals, None, lambda _: {}, scales=made.scales)


def norms(made: Trainer, packed: Tensor) -> dict[int, Tensor]:
    """Norms of the gradients [N] of scores with respect to the images of each scale, which are leaves here."""
    assert made.scales is not None
    images = {each: one.detach().clone().requires_grad_() for each, one in made.scales.unpack(packed).items()}
    score = made.discriminator(made.scales.pack(images)).score
    gradients = torch.autograd.grad(score.sum(), [*images.values()])
    return {each: one.flatten(1).norm(dim=1) for each, one in zip(images, gradients, strict=True)}


def test_a_gradient_penalty_is_the_mean_of_those_of_each_scale() -> None:
    with double_precision():
        made = of_scales()
        step = step_of(made)
        step.seed("gradient-penalty")
        penalized = component("regularizer", "gradient-penalty", weight=3, target=2)
        value = penalized.discriminator(step)
        step.seed("gradient-penalty")
        share = step.per_sample(torch.rand, 1, 1, 1).to(step.real.dtype)
        found = norms(made, torch.lerp(step.real.detach(), step.fake.detach(), share))
        expected = 3 / 4 * sum((each - 2).square().mean() for each in found.values()) / 2
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_a_zero_centered_penalty_too(name: str) -> None:
    with double_precision():
        made = of_scales()
        step = step_of(made)
        value = component("regularizer", name, gamma=4).discriminator(step)
        found = norms(made, step.real if name == "r1" else step.fake)
        torch.testing.assert_close(value, 2 * sum(each.square().mean() for each in found.values()) / 2)
        estimates = []
        for number in range(60):
            step.seed(number)
            estimates.append(component("regularizer", name, gamma=4, sigma=1e-4).discriminator(step).detach())
        mean, error = torch.stack(estimates).mean(), torch.stack(estimates).std() / math.sqrt(60)
        assert abs(mean - value.detach()) < 5 * error


def test_consistency_is_the_distance_from_the_halved_image() -> None:
    with double_precision():
        made = of_scales()
        step = step_of(made, "generator")
        value = component("regularizer", "scale-consistency", weight=3).generator(step)
        assert made.scales is not None
        images = made.scales.unpack(step.fake)
        expected = 0.0
        for row in range(4):
            for column in range(4):
                block = images[8][:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean((2, 3))
                expected = expected + (images[4][:, :, row, column] - block).square().sum()
        torch.testing.assert_close(value, 3 * expected / images[4].numel())
        reached = torch.autograd.grad(value, [made.generator.rgb[each].get_parameter("weight") for each in ("4", "8")])
        assert all(bool(gradient.any()) for gradient in reached)


def test_it_asks_for_scales() -> None:
    found = problems(tiny(regularizers=["scale-consistency"]))
    assert [path for path, _ in found] == [("regularizers", 0)]
    assert "all-scales" in found[0][1]


@pytest.mark.parametrize("combine", ["simple", "lin-cat", "cat-lin"])
def test_it_trains_in_16_bits_and_with_activations_made_again(combine: str) -> None:
    network = NETWORK | {"head": "pggan", "norm": "equalized", "join": {"use": "concatenate", "combine": combine}}
    training = {"batch": 8, "device": "cpu", "precision": "bf16", "activation_checkpointing": True}
    made = of_scales(discriminator=network, training=training, regularizers=["gradient-penalty"])
    record = made.iteration()
    assert all(math.isfinite(float(value)) for value in record.values())
    joins = [name for name, _ in made.discriminator.named_parameters() if name.startswith("join_modules")]
    assert len(joins) == (2 if combine == "cat-lin" else 0)
    gradients = [made.generator.rgb[each].get_parameter("bias").grad for each in ("4", "8")]
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)


def bundled(kind: str) -> list[str]:
    tiny()
    return [entry.full_name for entry in registries[kind].entries()]


@pytest.mark.parametrize("name", bundled("regularizer"))
def test_every_regularizer_goes_with_scales(name: str) -> None:
    made = of_scales(regularizers=[name], data={"use": "digits", "labels": "auxiliary" in name}, loss="hinge")
    if said := problems(made.experiment):
        pytest.skip(said[0][1])
    record = made.iteration()
    assert all(math.isfinite(float(value)) for value in record.values())


@pytest.mark.parametrize("name", bundled("augmentation"))
def test_every_augmentation_goes_with_scales(name: str) -> None:
    made = of_scales(augment=[name])
    made.iteration()
    record = made.iteration()  # some remember what came before
    assert all(math.isfinite(float(value)) for value in record.values())
