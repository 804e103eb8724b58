"""Losses and penalties against several authors' code."""

from __future__ import annotations

import pytest
import torch
from support.case import Case
from support.pggan import component, unused_networks

from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

TOY_CRITIC = ["D.c.weight", "D.c.bias", "D.f.weight", "D.f.bias"]
"""A convolution and a dense layer."""


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

    def forward(self, images: torch.Tensor, labels: None) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.score(images), None, {})


def step_on(critic: Critic, real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor) -> Step:
    generator, _ = unused_networks()
    step = Step("discriminator", (), generator, critic, (), real, None, lambda _: {})  # pyright: ignore[reportArgumentType]
    step.fake = fake.clone().requires_grad_()
    step.per_sample = lambda draw, *shape: share
    return step


@DTYPES
def test_stylegan_authors_losses(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_losses", dtype)
    critic = Critic(case, ["fc1", "b1", "fc2"])
    for name, loss, regularizers in (
        ("d_logistic", "non-saturating", []),
        ("d_logistic_simplegp", "non-saturating", ["r1"]),
        ("d_hinge", "hinge", []),
        ("d_hinge_gp", "hinge", ["gradient-penalty"]),
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
def test_stylegan_authors_penalties_of_each_sample(dtype: torch.dtype) -> None:
    """The critic takes samples apart, so that a penalty on a batch of one is that sample's."""
    case = Case("tf_stylegan_losses", dtype)
    critic = Critic(case, ["fc1", "b1", "fc2"])

    def of_each_sample(regularizer: str, **options: float) -> torch.Tensor:
        steps = [
            step_on(critic, case["in.reals"][i : i + 1], case["in.fakes"][i : i + 1], case["in.mix"][i : i + 1])
            for i in range(5)
        ]
        return torch.stack([component("regularizer", regularizer, **options).discriminator(step) for step in steps])

    case.check("out.d_logistic_simplegp.r1_penalty", of_each_sample("r1", gamma=2))
    distance_to_1 = of_each_sample("gradient-penalty", weight=1)
    distance_to_2 = of_each_sample("gradient-penalty", weight=4, target=2)
    norms = (distance_to_1 - distance_to_2 + 3) / 2  # (n - 1)^2 - (n - 2)^2 = 2 n - 3
    for name in ("d_hinge_gp", "d_wgan_gp"):
        case.check(f"out.{name}.mixed_norms", norms)
    for name in ("d_wgan", "d_wgan_gp"):
        case.check(f"out.{name}.epsilon_penalty", of_each_sample("drift", weight=1))


@DTYPES
def test_mimicry_losses(dtype: torch.dtype) -> None:
    case = Case("mimicry_losses", dtype)
    for theirs, ours in (("hinge", "hinge"), ("wasserstein", "wgan"), ("minimax", "non-saturating")):
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
    critic = Critic(case, TOY_CRITIC)
    step = step_on(critic, case["in.real"], case["in.fake"], 1 - case["in.alpha"].reshape(-1, 1, 1, 1))
    value = component("regularizer", "gradient-penalty", weight=10).discriminator(step)
    case.check(penalty, value)
    of_weights = torch.autograd.grad(
        value, list(critic.weights.values()), retain_graph=True, materialize_grads=True, allow_unused=True
    )
    for key, gradient in zip(critic.weights, of_weights, strict=True):
        case.check(gradients + key, gradient * share_of_fake)


@DTYPES
def test_the_gradient_penalty_is_a_mean(dtype: torch.dtype) -> None:
    """This peer adds up the penalties of its 4 samples."""
    case = Case("ganzoo_gp_r1_losses", dtype)
    critic = Critic(case, TOY_CRITIC)
    step = step_on(critic, case["in.real"], case["in.fake"], 1 - case["in.alpha"].reshape(-1, 1, 1, 1))
    value = component("regularizer", "gradient-penalty", weight=10).discriminator(step)
    case.check("out.gp_peer_sum", 4 * value)
    case.check_differs("out.gp_peer_sum", value)


@DTYPES
def test_r1_without_the_papers_half(dtype: torch.dtype) -> None:
    """This peer's weight takes the place of gamma / 2."""
    case = Case("ganzoo_gp_r1_losses", dtype)
    critic = Critic(case, TOY_CRITIC)
    step = step_on(critic, case["in.real"], case["in.fake"], case["in.alpha"])
    value = component("regularizer", "r1", gamma=2 * case.meta["args"]["weight"]).discriminator(step)
    case.check("out.r1_mean_times_weight", value)
    case.check_differs("out.r1_mean_times_weight", value / 2)
    gradients = torch.autograd.grad(value, list(critic.weights.values()), materialize_grads=True, allow_unused=True)
    for key, gradient in zip(critic.weights, gradients, strict=True):
        case.check(f"grad.r1.{key}", gradient)


@DTYPES
def test_losses_of_reals_and_fakes_taken_apart(dtype: torch.dtype) -> None:
    """This peer adds up scores under Wasserstein's loss, over its 4 samples, and averages under the logistic one."""
    case = Case("ganzoo_gp_r1_losses", dtype)
    critic = Critic(case, TOY_CRITIC)
    real, fake = critic.score(case["in.real"]), critic.score(case["in.fake"])
    case.check("out.scores_real", real)
    case.check("out.scores_fake", fake)
    wasserstein, logistic = component("loss", "wgan"), component("loss", "non-saturating")
    zero = torch.zeros_like(real)
    case.check("out.WGANGP_real", 4 * wasserstein.discriminator(real, zero))
    case.check("out.WGANGP_fake", 4 * wasserstein.discriminator(zero, fake))
    case.check("out.WGANGP_real", 4 * wasserstein.generator(real, None))
    case.check_differs("out.WGANGP_fake", wasserstein.discriminator(zero, fake))
    case.check("out.Logistic_real", logistic.generator(real, None))
    sure = torch.full_like(fake, 1e3)  # scores that cost nothing
    case.check("out.Logistic_real", logistic.discriminator(real, -sure))
    case.check("out.Logistic_fake", logistic.discriminator(sure, fake))


def test_a_wrong_target_is_scaled_as_in_the_paper() -> None:
    case = Case("mimicry_wgan_gp")
    critic = Critic(case, TOY_CRITIC)
    step = step_on(critic, case["in.real"], case["in.fake"], 1 - case["in.alpha"].reshape(-1, 1, 1, 1))
    value = component("regularizer", "gradient-penalty", weight=10, target=750).discriminator(step)
    norms = case["out.grad_norms"]
    assert float(value.detach()) == pytest.approx(float(10 / 750**2 * (norms - 750).square().mean()), rel=1e-5)


@pytest.mark.parametrize("name", ["non-saturating", "saturating", "wgan", "hinge", "least-squares", "relativistic"])
def test_losses_are_finite_for_extreme_scores(name: str) -> None:
    scores = torch.tensor([1e3, -1e3, 0.0], requires_grad=True)
    loss = component("loss", name)
    for value in (loss.discriminator(scores, -scores), loss.generator(scores, -scores)):
        assert value.isfinite()
        assert torch.autograd.grad(value, scores)[0].isfinite().all()


@DTYPES
def test_studiogan_losses_and_penalties(dtype: torch.dtype) -> None:
    """Their standard deviation under DRAGAN's noise is unbiased; its authors' and ours is biased."""
    case = Case("studiogan_losses", dtype)
    for theirs, ours in (
        ("vanilla", "non-saturating"),
        ("logistic", "non-saturating"),
        ("ls", "least-squares"),
        ("hinge", "hinge"),
        ("wasserstein", "wgan"),
    ):
        real, fake = case["in.real"].requires_grad_(), case["in.fake"].requires_grad_()
        value = component("loss", ours).discriminator(real, fake)
        case.check(f"out.d_{theirs}", value)
        for name, gradient in zip(("real", "fake"), torch.autograd.grad(value, [real, fake]), strict=True):
            case.check(f"grad.d_{theirs}.{name}", gradient)
        value = component("loss", ours).generator(fake, None)
        case.check(f"out.g_{theirs}", value)
        case.check(f"grad.g_{theirs}.fake", torch.autograd.grad(value, fake)[0])
    _check_studiogan_penalties(case)
    case.check("out.lecam", _lecam_of_studiogan(case))
    case.check_complete()


def _check_studiogan_penalties(case: Case) -> None:
    critic = Critic(case, TOY_CRITIC)
    pixels = case["in.x_real"].numel()
    between = 1 - case["in.alpha"].reshape(-1, 1, 1, 1)
    draws = {
        "gp": [between],
        "maxgp": [between],
        "dragan": [case["in.dragan_u"] * (pixels / (pixels - 1)) ** 0.5, case["in.dragan_alpha"]],
        "r1_half": [],
    }
    for name, (regularizer, options) in {
        "gp": ("gradient-penalty", {"weight": 1}),
        "maxgp": ("max-gradient-penalty", {"weight": 1}),
        "dragan": ("dragan", {"weight": 1}),
        "r1_half": ("r1", {"gamma": 1}),
    }.items():
        step = step_on(critic, case["in.x_real"], case["in.x_fake"], case["in.alpha"])
        step.per_sample = lambda draw, *shape, drawn=draws[name]: drawn.pop(0)
        value = component("regularizer", regularizer, **options).discriminator(step)
        case.check(f"out.{name}", value)
        weights = list(critic.weights.values())
        gradients = torch.autograd.grad(value, weights, materialize_grads=True, allow_unused=True)
        for key, gradient in zip(critic.weights, gradients, strict=True):
            case.check(f"grad.{name}.{key.removeprefix('D.')}", gradient)


def _lecam_of_studiogan(case: Case) -> torch.Tensor:
    """The penalty by the running means that the file was made with."""
    step = step_on(Critic(case, TOY_CRITIC), case["in.x_real"], case["in.x_fake"], case["in.alpha"])
    for which in ("real", "fake"):
        setattr(step, f"on_{which}", DiscriminatorOutput(case[f"in.{which}"], None, {}))
    means = case.meta["args"]["lecam_ema"]
    kept = {which: torch.tensor(means[f"D_{which}"], dtype=case.dtype) for which in ("real", "fake")}
    step.memory_of = lambda _: kept
    return component("regularizer", "lecam", weight=1).discriminator(step)
