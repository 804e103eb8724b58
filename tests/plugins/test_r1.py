"""R1 and R2: their value, where their gradient is taken, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.discriminators import discriminator_options
from support.pggan import component, unused_networks
from support.r3gan import networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import Augmentation
from gankit.config.checks import problems
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.networks.growing import ImageShape
from gankit.training.step import AugmentedBatch, Step


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

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        return 3 * images


def step_of(critic: torch.nn.Module, real: Tensor, fake: Tensor, *augment: Augmentation) -> Step:
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


class Random(Augmentation):
    """Makes each image larger or smaller, and moves it."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        return torch.rand(len(images), 1, 1, 1) * images + torch.randn_like(images)


@pytest.mark.parametrize("patches", [False, True], ids=["one score", "patches"])
@pytest.mark.parametrize(("name", "images"), [("r1", REAL), ("r2", FAKE)])
def test_an_estimate_is_the_squared_slope_in_the_direction_of_noise(name: str, images: Tensor, patches: bool) -> None:
    step, noise = step_of(Square(patches), REAL, FAKE), torch.randn_like(images)
    step.per_sample = lambda draw, *shape: noise
    value = component("regularizer", name, gamma=3, sigma=0.5).discriminator(step)
    slopes = (2 * images * noise + 0.5 * noise.square()).sum((1, 2, 3))  # ((x + s e)^2 - x^2) / s = 2 x e + s e^2
    torch.testing.assert_close(value, 3 / 2 * slopes.square().mean())


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_noise_alone_makes_the_difference_that_is_estimated(name: str) -> None:
    """Not what an augmentation draws: it would be taken over sigma."""
    step = step_of(Square(), REAL, FAKE, Random())
    exact = component("regularizer", name).discriminator(step)
    assert float(component("regularizer", name, sigma=1e-4).discriminator(step).detach()) < 20 * float(exact.detach())


@torch.no_grad()
def test_bias_and_spread_of_the_estimate() -> None:
    """On a discriminator of R3GAN, whose scores of an image of 8x8 are curved by leaky ReLUs alone.

    The same noise, 40 times an image, tells curvature from chance.
    """
    torch.manual_seed(0)
    _, critic = networks({4: 16, 8: 8}, 16, {4: 8, 8: 8}, 1, ImageShape((8,), 1))
    for name, weight in critic.named_parameters():
        if "conv2" in name:  # which starts at zero
            torch.nn.init.normal_(weight, std=0.5 * weight.shape[1] ** -0.5)
    images = F.avg_pool2d(torch.rand(32, 1, 8, 8, dtype=torch.float64) - 0.5, 3, 1, 1) * 4
    with torch.enable_grad():
        exact = float(component("regularizer", "r1").discriminator(step_of(critic.double(), images, images)).detach())

    def estimates(sigma: float) -> Tensor:
        penalty, step = component("regularizer", "r1", sigma=sigma), step_of(critic, images, images)
        return torch.stack([penalty.discriminator(step) for number in range(40) if step.seed(number) is None]) / exact

    straight = estimates(1e-6)
    assert float(straight.mean()) == pytest.approx(1, abs=3 * float(straight.std()) / 40**0.5)
    assert float(straight.std()) == pytest.approx((2 / 32) ** 0.5, rel=0.4)  # more where the norms differ
    for sigma, least, most in ((0.01, 0.0, 0.01), (0.1, 0.0, 0.03), (0.3, 0.01, 0.1)):
        values = estimates(sigma)
        bias, spread = float((values - straight).mean()), float(values.std())
        print(f"sigma {sigma}: {bias:+.2%} of the exact penalty on 32 images, standard deviation {spread:.1%}")
        assert least <= abs(bias) < most


def weights_after_one_round(gamma: float, **options: Any) -> dict[str, Tensor]:
    regularizers = [{"use": name, "gamma": gamma, **options} for name in ("r1", "r2")]
    made = trainer(tiny(loss="non-saturating", regularizers=regularizers))
    record = made.iteration()
    assert {name for name in record if "penalty" in name} == {"penalty.r1.discriminator", "penalty.r2.discriminator"}
    return made.discriminator.state_dict()


@pytest.mark.parametrize("options", [{}, {"sigma": 0.01}], ids=["exact", "estimated"])
def test_only_the_discriminator_is_penalized_and_its_weights_feel_it(options: dict[str, float]) -> None:
    with_penalty, without = weights_after_one_round(10, **options), weights_after_one_round(0, **options)
    weight = "head.dense0.parametrizations.weight.original"
    assert with_penalty[weight].isfinite().all()
    assert not torch.equal(with_penalty[weight], without[weight])


def test_lazily_it_acts_on_every_other_round() -> None:
    made = trainer(tiny(loss="non-saturating", regularizers={"use": "r1", "every": 2}))
    records = [made.iteration() for _ in range(4)]
    assert ["penalty.r1.discriminator" in record for record in records] == [True, False, True, False]


@pytest.mark.parametrize("name", ["r1", "r2", "gradient-penalty"])
def test_norms_across_the_batch_are_refused(name: str) -> None:
    options: dict[str, Any] = discriminator_options(tiny()).model_dump()
    (found,) = problems(tiny(discriminator=options | {"norm": {4: "equalized", 8: "batch"}}, regularizers=[name]))
    assert found[0] == ("regularizers", 0)
    assert "discriminator.norm mixes the samples of a batch" in found[1]
    assert not problems(tiny(discriminator=options | {"norm": "spectral"}, regularizers=[name]))
