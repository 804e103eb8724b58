"""DRAGAN: where its points lie, its value, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component, unused_networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.config.checks import problems
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step

REAL = 3 * torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Watching(torch.nn.Module):
    """Scores are half the sum of squares, so that the gradient is the image; it keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor, labels: None) -> DiscriminatorOutput:
        self.seen.append(images.detach())
        return DiscriminatorOutput(images.square().sum((1, 2, 3)) / 2, None, {})


def step_of(critic: Watching, real: Tensor) -> Step:
    generator, _ = unused_networks()
    return Step("discriminator", (), generator, critic, (), real, None, lambda _: {})  # pyright: ignore[reportArgumentType]


def penalized(**options: Any) -> tuple[Tensor, Tensor]:
    """The penalty on REAL and the points that it was taken at."""
    torch.manual_seed(1)
    critic = Watching()
    step = step_of(critic, REAL)
    value = component("regularizer", "dragan", **options).discriminator(step)
    (points,) = critic.seen
    return value, points


@pytest.mark.parametrize("noise", ["one-sided", "zero-mean"])
def test_value_is_the_mean_squared_distance_of_the_norms_to_one(noise: str) -> None:
    value, points = penalized(noise=noise, weight=4)
    norms = torch.stack([point.square().sum().sqrt() for point in points])  # the gradient is the point
    torch.testing.assert_close(value, 4 * (norms - 1).square().mean())
    torch.testing.assert_close(penalized(noise=noise)[0], value * 10 / 4)


def test_one_sided_points_lie_between_a_real_and_noise_above_it() -> None:
    """Noise is drawn for each pixel from 0 to half the deviation of all, its share for each sample."""
    _, points = penalized()
    moved = (points - REAL) / REAL.std(correction=0)
    assert float(moved.min()) >= 0
    farthest = moved.flatten(1).amax(1)  # of 192 pixels the largest is nearly half the share
    assert float(farthest.max()) <= 0.5
    assert float(farthest.min()) < 0.15
    assert float(farthest.max()) > 0.35
    for image, limit in zip(moved, farthest, strict=True):
        assert float(image.mean()) == pytest.approx(float(limit) / 2, rel=0.2)  # uniform below its share


@pytest.mark.parametrize("noise", ["one-sided", "zero-mean"])
def test_the_deviation_is_that_of_all_pixels_and_biased(noise: str) -> None:
    critic, real = Watching(), torch.tensor([0.0, 6.0]).view(2, 1, 1, 1)  # 3 from their mean
    step = step_of(critic, real)
    step.per_sample = lambda draw, *shape: torch.ones(2, *shape)
    component("regularizer", "dragan", noise=noise).discriminator(step)
    torch.testing.assert_close(critic.seen[0], real + 1.5)


def test_zero_mean_points_lie_on_either_side_of_a_real() -> None:
    _, points = penalized(noise="zero-mean")
    moved = (points - REAL) / REAL.std(correction=0)
    assert float(moved.mean()) == pytest.approx(0, abs=0.03)
    assert float(moved.std()) == pytest.approx(0.5, rel=0.05)
    assert float(moved.flatten(1).std(1).min()) > 0.4  # all of the noise, not a share of it


@pytest.mark.parametrize("noise", ["one-sided", "zero-mean"])
def test_weights_of_the_discriminator_feel_it(noise: str) -> None:
    after = []
    for weight in (0, 10):
        regularizer = {"use": "dragan", "noise": noise, "weight": weight}
        made = trainer(tiny(loss="non-saturating", regularizers=regularizer))
        record = made.iteration()
        assert "penalty.dragan.discriminator" in record
        after.append(made.discriminator.get_parameter("head.dense0.parametrizations.weight.original").detach().clone())
    assert all(weights.isfinite().all() for weights in after)
    assert not torch.equal(*after)


def test_norms_across_the_batch_are_refused() -> None:
    options = discriminator_options(tiny()).model_dump()
    (found,) = problems(tiny(discriminator=options | {"norm": "batch"}, regularizers="dragan"))
    assert found[0] == ("regularizers", 0)
    assert "discriminator.norm mixes the samples of a batch" in found[1]
    for norm in ("layer", "spectral"):
        assert not problems(tiny(discriminator=options | {"norm": norm}, regularizers="dragan"))
