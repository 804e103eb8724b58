"""Consistency regularization: what is compared with what, and that nothing else differs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit.config.checks import problems
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step

HOLE = {"use": "diffaugment", "policy": "cutout"}
NOTHING = {"use": "stochastic", "transforms": "noise", "p": 0}


class Judge(nn.Module):
    """Scores are means of squares, times a weight and a random number for each image; it keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.5))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, images: Tensor, labels: None) -> DiscriminatorOutput:
        score = self.weight * torch.rand(len(images)) * images.square().mean((1, 2, 3))
        self.seen.append((images.detach(), score.detach()))
        return DiscriminatorOutput(score, None, {})


class Maker(nn.Module):
    """The latent as an image of 1x2 pixels, times a weight, beside noise; it keeps what it is given."""

    context = SimpleNamespace(latent=2)

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.seen: list[Tensor] = []

    def forward(self, z: Tensor, labels: None) -> Tensor:
        self.seen.append(z)
        return (self.weight * z + torch.randn(len(z), 2)).view(-1, 1, 1, 2)


def step_with(judge: Judge, maker: Maker, phase: Any, count: int = 8) -> Step:
    real = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.5
    return Step(phase, ("test",), maker, judge, (), real, None, lambda _: {})  # pyright: ignore[reportArgumentType]


def test_scores_of_reals_are_compared_with_those_of_transformed_ones() -> None:
    judge = Judge()
    step = step_with(judge, Maker(), "discriminator")
    value = component("regularizer", "consistency", transform=HOLE, weight=3).discriminator(step)
    (plain, score), (moved, other) = judge.seen
    assert torch.equal(plain, step.real_images)
    assert torch.equal(moved, plain * (moved != 0))
    assert bool((moved == 0).flatten(1).any(1).all())
    torch.testing.assert_close(value, 3 * (score - other).square().mean())
    (gradient,) = torch.autograd.grad(value, judge.weight)
    torch.testing.assert_close(gradient, 2 * value.detach() / 1.5)  # through both scores: it grows as their square


def test_fakes_too_if_balanced_by_a_weight_of_their_own() -> None:
    def value(**weights: float) -> tuple[float, Judge, Step]:
        judge = Judge()
        torch.manual_seed(0)
        step = step_with(judge, Maker(), "discriminator")
        step.fake = step.real_images.flip(3)
        made = component("regularizer", "balanced-consistency", transform=HOLE, **weights)
        return float(made.discriminator(step).detach()), judge, step

    both, judge, step = value(real_weight=3, fake_weight=2)
    (_, real), (moved, moved_real), (fakes, fake), (moved_fakes, moved_fake) = judge.seen
    assert torch.equal(fakes, step.fake)
    assert not torch.equal(moved == 0, moved_fakes == 0)  # other holes
    of_reals, of_fakes = (real - moved_real).square().mean(), (fake - moved_fake).square().mean()
    assert both == pytest.approx(float(3 * of_reals + 2 * of_fakes))
    assert value(real_weight=1, fake_weight=0)[0] == pytest.approx(float(of_reals))


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", ["consistency", "balanced-consistency"])
def test_a_transform_that_changes_nothing_is_no_penalty(name: str, every: int) -> None:
    """Whatever else is drawn at random: the transform alone makes the difference."""
    noisy = {"use": "stochastic", "transforms": ["noise", "cutout"], "p": 0.9}
    for transform, is_nothing in ((NOTHING, True), (HOLE, False)):
        made = trainer(
            tiny(loss="hinge", augment=noisy, regularizers={"use": name, "transform": transform, "every": every})
        )
        value = float(made.iteration()[f"penalty.{name}.discriminator"])
        assert (value == 0) is is_nothing


def test_a_step_in_the_latent_should_show_but_not_score() -> None:
    options = {"sigma": 0.5, "discriminator_weight": 3, "generator_weight": 2}
    judge, maker = Judge(), Maker()
    made = component("regularizer", "latent-consistency", **options)
    value = made.discriminator(step_with(judge, maker, "discriminator", 400))
    (images, score), (moved, other) = sorted(judge.seen, key=lambda seen: not torch.equal(seen[0], judge.seen[0][0]))
    torch.testing.assert_close(value, 3 * (score - other).square().mean())
    steps = ((moved - images) / 2).flatten(1)  # noise of the maker's own is the same, so that it is gone
    assert float(steps.std()) == pytest.approx(0.5, rel=0.1)
    assert torch.autograd.grad(value, [judge.weight, maker.weight], allow_unused=True)[1] is None

    judge, maker = Judge(), Maker()
    value = made.generator(step_with(judge, maker, "generator", 400))
    first, second = maker.seen
    torch.testing.assert_close(value, -2 * (2 * (first - second)).square().mean())
    (gradient,) = torch.autograd.grad(value, maker.weight)
    assert float(gradient) < 0  # a larger weight sets them farther apart
    assert not judge.seen


def test_both_networks_feel_it_in_training() -> None:
    record = trainer(tiny(loss="hinge", regularizers={"use": "latent-consistency", "sigma": 1.0})).iteration()
    assert float(record["penalty.latent-consistency.discriminator"]) > 0
    assert float(record["penalty.latent-consistency.generator"]) < 0


def test_transforms_that_would_never_adapt_are_refused() -> None:
    (found,) = problems(tiny(regularizers={"use": "consistency", "transform": "ada"}))
    assert found[0] == ("regularizers", 0)
    assert "transform cannot adapt itself" in found[1]
    assert not problems(tiny(regularizers=["consistency", "balanced-consistency", "latent-consistency"]))
