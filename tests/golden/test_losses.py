"""Losses and penalties against several authors' code."""

from __future__ import annotations

import pytest
import torch
from support.case import Case
from support.pggan import component, unused_networks

from gankit.training.networks import Verdict
from gankit.training.step import Step

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


class Critic(torch.nn.Module):
    """The authors' toy critics, as a function of their named weights."""

    def __init__(self, case: Case, names: list[str]) -> None:
        super().__init__()
        self.weights = {name: case[f"w.{name}"].requires_grad_() for name in names}

    def score(self, images: torch.Tensor) -> torch.Tensor:
        w = self.weights
        if "fc1" in w:
            return (torch.tanh(images.flatten(1) @ w["fc1"].t() + w["b1"]) @ w["fc2"].t())[:, 0]
        x = torch.nn.functional.conv2d(images, w["D.c.weight"], w["D.c.bias"], stride=2, padding=1)
        return (torch.tanh(x).flatten(1) @ w["D.f.weight"].t() + w["D.f.bias"])[:, 0]

    def forward(self, images: torch.Tensor, labels: None) -> Verdict:
        return Verdict(self.score(images), None, {})


def step_on(critic: Critic, real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> Step:
    generator, _ = unused_networks()
    step = Step("discriminator", (), generator, critic, None, real, None, lambda _: {})  # pyright: ignore[reportArgumentType]
    step.fake = fake.clone().requires_grad_()
    step.per_sample = lambda draw, *shape: share
    return step


@DTYPES
def test_stylegan_authors_wasserstein_and_logistic(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_losses", dtype)
    critic = Critic(case, ["fc1", "b1", "fc2"])
    for name, loss, regularizers in (
        ("d_logistic", "non-saturating", []),
        ("d_wgan", "wgan", ["drift"]),
        ("d_wgan_gp", "wgan", ["gradient-penalty", "drift"]),
    ):
        step = step_on(critic, case["in.reals"], case["in.fakes"], case["in.mix"])
        value = component("loss", loss).discriminator(step.on_real.score, step.on_fake.score)
        for regularizer in regularizers:
            value = value + component("regularizer", regularizer).discriminator(step)
        case.check(f"out.{name}", value)
        for key, gradient in zip(
            critic.weights, torch.autograd.grad(value, list(critic.weights.values())), strict=True
        ):
            case.check(f"grad.{name}.{key}", gradient)
    for name, loss in (
        ("g_wgan", "wgan"),
        ("g_logistic_saturating", "saturating"),
        ("g_logistic_nonsaturating", "non-saturating"),
    ):
        fakes = case["in.fakes"].clone().requires_grad_()
        value = component("loss", loss).generator(critic.score(fakes), None)
        case.check(f"out.{name}", value)
        case.check(f"grad.{name}.fakes", torch.autograd.grad(value, fakes)[0])


@DTYPES
def test_mimicry_losses(dtype: torch.dtype) -> None:
    case = Case("mimicry_losses", dtype)
    for theirs, ours in (("wasserstein", "wgan"), ("minimax", "non-saturating")):
        real, fake = case["in.real"].requires_grad_(), case["in.fake"].requires_grad_()
        value = component("loss", ours).discriminator(real, fake)
        case.check(f"out.{theirs}_dis", value)
        gradients = torch.autograd.grad(value, [real, fake])
        case.check(f"grad.{theirs}_dis.real", gradients[0])
        case.check(f"grad.{theirs}_dis.fake", gradients[1])
        value = component("loss", ours).generator(fake, None)
        case.check(f"out.{theirs}_gen", value)
        case.check(f"grad.{theirs}_gen.fake", torch.autograd.grad(value, fake)[0])


@DTYPES
@pytest.mark.parametrize(
    ("file", "penalty", "gradients", "share_of_fake"),
    [
        ("mimicry_wgan_gp", "out.gp", "grad.", 1),
        ("ganzoo_gp_r1_losses", "out.gp_canonical_mean", "grad.gp_peer_sum.", 4),
    ],
)
def test_gradient_penalty(file: str, penalty: str, gradients: str, share_of_fake: int, dtype: torch.dtype) -> None:
    """Both draw the share of the real, ours is the share of the fake; the second sums gradients over its 4 samples."""
    case = Case(file, dtype)
    critic = Critic(case, ["D.c.weight", "D.c.bias", "D.f.weight", "D.f.bias"])
    step = step_on(critic, case["in.real"], case["in.fake"], 1 - case["in.alpha"].reshape(-1, 1, 1, 1))
    value = component("regularizer", "gradient-penalty", weight=10).discriminator(step)
    case.check(penalty, value)
    for key, weight in critic.weights.items():
        if key != "D.f.bias":  # the penalty does not depend on it
            (gradient,) = torch.autograd.grad(value, weight, retain_graph=True)
            case.check(gradients + key, gradient * share_of_fake)


def test_a_wrong_target_is_scaled_as_in_the_paper() -> None:
    case = Case("mimicry_wgan_gp")
    critic = Critic(case, ["D.c.weight", "D.c.bias", "D.f.weight", "D.f.bias"])
    step = step_on(critic, case["in.real"], case["in.fake"], 1 - case["in.alpha"].reshape(-1, 1, 1, 1))
    value = component("regularizer", "gradient-penalty", weight=10, target=750).discriminator(step)
    norms = case["out.grad_norms"]
    assert float(value.detach()) == pytest.approx(float(10 / 750**2 * (norms - 750).square().mean()), rel=1e-5)


@pytest.mark.parametrize("name", ["non-saturating", "saturating", "wgan"])
def test_losses_are_finite_for_extreme_scores(name: str) -> None:
    scores = torch.tensor([1e3, -1e3, 0.0], requires_grad=True)
    loss = component("loss", name)
    for value in (loss.discriminator(scores, -scores), loss.generator(scores, None)):
        assert value.isfinite()
        assert torch.autograd.grad(value, scores)[0].isfinite().all()
