"""R1 and R2: their value, where their gradient is taken, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.pggan import component, unused_networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import Augmentation
from gankit.config.checks import problems
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step


class Square(torch.nn.Module):
    """Scores are the sum of squares over each half of an image's columns: the gradient is twice the image."""

    def __init__(self, patches: bool = False) -> None:
        super().__init__()
        self.patches = patches

    def forward(self, images: Tensor, labels: None) -> DiscriminatorOutput:
        halves = images.square().unflatten(3, (2, -1)).sum((1, 2, 4))
        return DiscriminatorOutput(halves if self.patches else halves.sum(1), None, {})


class Triple(Augmentation):
    """Makes pixels three times as large."""

    def apply(self, images: Tensor, memory: dict[str, Tensor]) -> Tensor:
        return 3 * images


def step_of(critic: torch.nn.Module, real: Tensor, fake: Tensor, augment: Augmentation | None = None) -> Step:
    generator, _ = unused_networks()
    step = Step("discriminator", (), generator, critic, augment, real, None, lambda _: {})  # pyright: ignore[reportArgumentType]
    step.fake = fake.clone().requires_grad_()
    return step


REAL, FAKE = torch.randn(2, 3, 1, 2, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("patches", [False, True], ids=["one score", "patches"])
@pytest.mark.parametrize(("name", "images"), [("r1", REAL), ("r2", FAKE)])
def test_value_is_half_gamma_times_the_mean_squared_norm(name: str, images: Tensor, patches: bool) -> None:
    value = component("regularizer", name, gamma=3).discriminator(step_of(Square(patches), REAL, FAKE))
    norms = torch.stack([(2 * image).square().sum() for image in images])
    torch.testing.assert_close(value, 3 / 2 * norms.mean())


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_the_gradient_is_taken_before_augmentation(name: str) -> None:
    plain = component("regularizer", name).discriminator(step_of(Square(), REAL, FAKE))
    augmented = component("regularizer", name).discriminator(step_of(Square(), REAL, FAKE, Triple()))
    torch.testing.assert_close(augmented, plain * 9**2)  # (3 x)^2 has the gradient 9 * 2 x


def weights_after_one_round(gamma: float) -> dict[str, Tensor]:
    regularizers = [{"use": name, "gamma": gamma} for name in ("r1", "r2")]
    made = trainer(tiny(loss="non-saturating", regularizers=regularizers))
    record = made.iteration()
    assert {name for name in record if "penalty" in name} == {"penalty.r1.discriminator", "penalty.r2.discriminator"}
    return made.discriminator.state_dict()


def test_only_the_discriminator_is_penalized_and_its_weights_feel_it() -> None:
    with_penalty, without = weights_after_one_round(10), weights_after_one_round(0)
    weight = "head.dense0.parametrizations.weight.original"
    assert with_penalty[weight].isfinite().all()
    assert not torch.equal(with_penalty[weight], without[weight])


def test_lazily_it_acts_on_every_other_round() -> None:
    made = trainer(tiny(loss="non-saturating", regularizers={"use": "r1", "every": 2}))
    records = [made.iteration() for _ in range(4)]
    assert ["penalty.r1.discriminator" in record for record in records] == [True, False, True, False]


@pytest.mark.parametrize("name", ["r1", "r2", "gradient-penalty"])
def test_norms_across_the_batch_are_refused(name: str) -> None:
    options: dict[str, Any] = tiny().discriminator.model_dump()
    (found,) = problems(tiny(discriminator=options | {"norm": {4: "equalized", 8: "batch"}}, regularizers=[name]))
    assert found[0] == ("regularizers", 0)
    assert "discriminator.norm mixes the samples of a batch" in found[1]
    assert not problems(tiny(discriminator=options | {"norm": "spectral"}, regularizers=[name]))
