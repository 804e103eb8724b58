"""Rules for losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gankit.kinds import Loss
from gankit.testing.rules import Broken, Trial, check_finite, rule
from gankit.training import randomness

PHASES: tuple[Literal["discriminator", "generator"], ...] = ("discriminator", "generator")
UNTRAINABLE = ("goes-on-to-the-bit",)
"""The rule that is tried in training, which wrong losses may stop."""
SAMPLES, PATCHES = 11, 7
"""Two primes, so that no other number in a loss is mistaken for them."""
TINY = 1e-6
EXTREME = 80.0
"""Scores as large as a discriminator that wins gives; the exponential of more is no float32."""


@rule(Loss, implied=UNTRAINABLE)
def scalar(trial: Trial[Loss]) -> None:
    """Both values are single numbers, for scores [N] as for scores [N, patches]."""
    for size in _sizes(trial):
        real, fake = torch.randn(size), torch.randn(size)
        for phase in PHASES:
            found = value(trial.component, phase, real, fake)
            if found.shape != ():
                raise Broken(f"{phase}() gives {list(found.shape)} for scores {list(size)}; it should be a scalar, []")


@rule(Loss)
def finite(trial: Trial[Loss]) -> None:
    """Values and gradients are finite for scores up to 80 on either side."""
    real = torch.tensor(trial.draw(st.lists(st.floats(-EXTREME, EXTREME, width=32), min_size=5, max_size=5)))
    for scores in (real, torch.full((5,), EXTREME), torch.full((5,), -EXTREME)):
        for phase in PHASES:
            for found in _value_and_gradients(trial.component, phase, scores, -scores):
                if not found.isfinite().all():
                    raise Broken(
                        f"{phase}() or its gradient is not finite for scores of reals {scores.tolist()} and of fakes "
                        "the opposite; use softplus or logsigmoid rather than the logarithm of a sigmoid"
                    )


@rule(Loss, implied=UNTRAINABLE)
def differentiable(trial: Trial[Loss]) -> None:
    """Gradients reach the scores of reals and fakes in the discriminator's step, those of fakes in the generator's."""
    for size in _sizes(trial):
        for phase in PHASES:
            wide = _wide(size)
            scores = [wide.flip(0).requires_grad_(), wide.clone().requires_grad_()]
            found = value(trial.component, phase, *scores)
            if not found.requires_grad:
                raise Broken(f"no gradient comes through {phase}(); compute it from the scores in torch, undetached")
            gradients = torch.autograd.grad(found.sum(), scores, allow_unused=True)
            needed = zip(("reals", "fakes"), gradients, strict=True)
            for of, gradient in list(needed)[0 if phase == "discriminator" else 1 :]:
                if gradient is None or not gradient.any():
                    raise Broken(f"{phase}() gives the scores of {of} no gradient")


@rule(Loss)
def no_broadcasting(trial: Trial[Loss]) -> None:
    """Each score is compared with its own like, never all N with all N because [N] met [N, 1].

    A loss that is the mean of what it is for single samples is right whatever it does within, and one that means all
    pairs gives both sides as many dimensions, [N, 1] and [1, N].
    """
    for size in _sizes(trial):
        real, fake = torch.randn(size), torch.randn(size)
        for phase in PHASES:
            single = [
                value(trial.component, phase, *pair).mean() for pair in zip(real.split(1), fake.split(1), strict=True)
            ]
            with _Watch(size) as watch:
                found = value(trial.component, phase, real, fake)
            check_finite(f"{phase}() of normal scores is", found)
            if watch.grown and not torch.allclose(found.mean(), torch.stack(single).mean(), rtol=1e-3, atol=1e-4):
                raise Broken(
                    f"{phase}() makes {watch.grown} of scores {list(size)}, every one of them with every other; give "
                    "what meets the scores their own shape"
                )


@rule(Loss)
def patches_count_alike(trial: Trial[Loss]) -> None:
    """Scores [N, patches] that agree in all patches move the networks as scores [N] do."""
    real, fake = torch.randn(SAMPLES), torch.randn(SAMPLES)
    for phase in PHASES:
        plain = _value_and_gradients(trial.component, phase, real, fake)[1:]
        patches = (each[:, None].repeat(1, PATCHES) for each in (real, fake))
        summed = [each.sum(1) for each in _value_and_gradients(trial.component, phase, *patches)[1:]]
        check_finite(f"for normal scores the gradient of {phase}() is", *plain, *summed)
        for expected, gradient in zip(plain, summed, strict=True):
            times = float((gradient.abs().sum() + TINY) / (expected.abs().sum() + TINY))
            if not 0.8 < times < 1.25:  # not exactly one, as some losses pick the best scores, a rounded number of them
                raise Broken(
                    f"with {PATCHES} equal patches {phase}() moves the scores {times:.3g} times as much as with one "
                    "score a sample; take the mean over all scores, without naming dimensions, or divide by the number "
                    "of patches"
                )


@rule(Loss, implied=UNTRAINABLE)
def needs_no_reals(trial: Trial[Loss]) -> None:
    """The generator's loss does without the scores of reals, unless the class says that it is relativistic."""
    if trial.component.relativistic:
        return
    try:
        trial.component.generator(torch.randn(SAMPLES), None)
    except Exception as failure:
        raise Broken(
            f"generator(fake, None) fails with {type(failure).__name__}: {failure}; a loss that compares fakes with "
            "reals says relativistic = True"
        ) from None


def value(loss: Loss, phase: Literal["discriminator", "generator"], real: Tensor, fake: Tensor) -> Tensor:
    """What the loss gives to be minimized by a network."""
    return loss.discriminator(real, fake) if phase == "discriminator" else loss.generator(fake, real)


class _Watch(TorchFunctionMode):
    """Notes the shape of the first tensor in which the samples, or the patches, of some scores occur twice.

    Only what comes of tensors of unlike numbers of dimensions counts: of others it is meant.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.grown: list[int] | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        unlike = len({arg.ndim for arg in args if isinstance(arg, Tensor) and arg.ndim}) > 1
        if unlike and isinstance(result, Tensor) and any(list(result.shape).count(size) > 1 for size in self.size):
            self.grown = self.grown or list(result.shape)
        return result


def _sizes(trial: Trial[Any]) -> Iterator[tuple[int, ...]]:
    """The shapes that scores come in; torch's generator is seeded first."""
    randomness.seed(trial.draw(st.integers(0, 99)))
    yield (SAMPLES,)
    yield (SAMPLES, PATCHES)


def _wide(size: tuple[int, ...]) -> Tensor:
    """Scores on either side of any margin that is not extreme, most of them small."""
    spread = EXTREME / 2 * torch.linspace(-1, 1, SAMPLES) ** 3
    return spread.view(-1, *[1] * (len(size) - 1)) + 0.1 * torch.rand(size)


def _value_and_gradients(
    loss: Loss, phase: Literal["discriminator", "generator"], real: Tensor, fake: Tensor
) -> list[Tensor]:
    """The loss, and its gradients with respect to the scores of reals and fakes, zeros where there is none."""
    scores = [real.clone().requires_grad_(), fake.clone().requires_grad_()]
    found = value(loss, phase, *scores)
    if not found.requires_grad:
        return [found, *(torch.zeros_like(each) for each in scores)]
    gradients = torch.autograd.grad(found.mean(), scores, allow_unused=True)
    return [found, *(torch.zeros_like(s) if g is None else g for s, g in zip(scores, gradients, strict=True))]
