"""Rules for what networks minimize: losses, and what regularizers add to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Literal

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gankit.kinds import Loss, Regularizer
from gankit.networks.contracts import check_finite
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import WEIGHTED
from gankit.testing.experiments import tried_in
from gankit.testing.parts import pictures, stir
from gankit.testing.rules import Broken, Trial, rule
from gankit.training import randomness
from gankit.training.contracts import check_reaches, check_scalar
from gankit.training.step import Step

Phase = Literal["discriminator", "generator"]
PHASES: tuple[Phase, ...] = ("discriminator", "generator")
UNTRAINABLE = ("goes-on-to-the-bit",)
"""The rule that is tried in training, which wrong losses and regularizers may stop."""
SAMPLES, PATCHES = 11, 7
"""Two primes, so that no other number in a loss is mistaken for them."""
TINY = 1e-6
EXTREME = 80.0
"""Scores as large as a discriminator that wins gives; the exponential of more is no float32."""
WARM = 8
"""Updates in which a penalty may be None, as while it warms up, before the next is tried."""


@rule(Loss, implied=UNTRAINABLE)
def scalar(trial: Trial[Loss]) -> None:
    """Both values are single numbers, for scores [N] as for scores [N, patches]."""
    for size, phase in _cases(trial):
        check_scalar(_value(trial.component, phase, torch.randn(size), torch.randn(size)))


@rule(Loss)
def finite(trial: Trial[Loss]) -> None:
    """Values and gradients are finite for scores up to 80 on either side."""
    real = torch.tensor(trial.draw(st.lists(st.floats(-EXTREME, EXTREME, width=32), min_size=5, max_size=5)))
    for scores in (real, torch.full((5,), EXTREME), torch.full((5,), -EXTREME)):
        for phase in PHASES:
            found = _value_and_gradients(trial.component, phase, scores, -scores)
            what = f"for scores of reals {scores.tolist()} and of fakes the opposite {phase}() or its gradient is"
            check_finite(what, *found, hint="use softplus or logsigmoid rather than the logarithm of a sigmoid")


@rule(Loss, implied=UNTRAINABLE)
def differentiable(trial: Trial[Loss]) -> None:
    """Gradients reach the scores of reals and fakes in the discriminator's step, those of fakes in the generator's."""
    for size, phase in _cases(trial):
        wide = _wide(size)
        real, fake = wide.flip(0).requires_grad_(), wide.clone().requires_grad_()
        scores = {"fakes": fake} if phase == "generator" else {"fakes": fake, "reals": real}
        found = _value(trial.component, phase, real, fake)
        for of, gradient in zip(scores, check_reaches(phase, found.sum(), scores), strict=True):
            if not gradient.any():
                raise Broken(f"{phase}() gives the scores of {of} no gradient")


@rule(Loss)
def no_broadcasting(trial: Trial[Loss]) -> None:
    """Each score is compared with its own like, never all N with all N because [N] met [N, 1].

    A loss that is the mean of what it is for single samples is right whatever it does within, and one that means all
    pairs gives both sides as many dimensions, [N, 1] and [1, N].
    """
    for size, phase in _cases(trial):
        real, fake = torch.randn(size), torch.randn(size)
        pairs = zip(real.split(1), fake.split(1), strict=True)
        single = [_value(trial.component, phase, *pair).mean() for pair in pairs]
        with _GrowthWatch(size) as watch:
            found = _value(trial.component, phase, real, fake)
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


@rule(Loss, implied=UNTRAINABLE, given=lambda loss: not loss.relativistic)
def needs_no_reals(trial: Trial[Loss]) -> None:
    """The generator's loss does without the scores of reals, unless the class says that it is relativistic."""
    loss = trial.component
    try:
        loss.generator(torch.randn(SAMPLES), None)
    except Exception as failure:
        raise Broken(
            f"generator(fake, None) fails with {type(failure).__name__}: {failure}; a loss that compares fakes with "
            "reals says relativistic = True"
        ) from None


def _value(loss: Loss, phase: Phase, real: Tensor, fake: Tensor) -> Tensor:
    """What the loss gives to be minimized by a network."""
    return loss.discriminator(real, fake) if phase == "discriminator" else loss.generator(fake, real)


class _GrowthWatch(TorchFunctionMode):
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


def _cases(trial: Trial[Any]) -> Iterator[tuple[tuple[int, ...], Phase]]:
    """The shapes that scores come in, for each network; torch's generator is seeded first."""
    randomness.seed(trial.draw(st.integers(0, 99)))
    yield from product([(SAMPLES,), (SAMPLES, PATCHES)], PHASES)


def _wide(size: tuple[int, ...]) -> Tensor:
    """Scores on either side of any margin that is not extreme, most of them small."""
    spread = EXTREME / 2 * torch.linspace(-1, 1, SAMPLES) ** 3
    return spread.view(-1, *[1] * (len(size) - 1)) + 0.1 * torch.rand(size)


def _value_and_gradients(loss: Loss, phase: Phase, real: Tensor, fake: Tensor) -> list[Tensor]:
    """The loss, and its gradients with respect to the scores of reals and fakes, zeros where there is none."""
    scores = [real.clone().requires_grad_(), fake.clone().requires_grad_()]
    found = _value(loss, phase, *scores)
    if not found.requires_grad:
        return [found, *(torch.zeros_like(each) for each in scores)]
    gradients = torch.autograd.grad(found.mean(), scores, allow_unused=True)
    return [found, *(torch.zeros_like(s) if g is None else g for s, g in zip(scores, gradients, strict=True))]


def _overrides(*methods: str) -> Callable[[type[Regularizer]], bool]:
    """Whether a class of regularizers has any of these methods of its own."""
    return lambda regularizer: any(getattr(regularizer, name) is not getattr(Regularizer, name) for name in methods)


penalizes = _overrides(*PHASES)


@rule(Regularizer, examples=6, implied=UNTRAINABLE, given=penalizes)
def penalty_is_scalar(trial: Trial[Regularizer]) -> None:
    """What it adds to a loss is a single number, or None for nothing this time."""
    for step in _steps(trial):
        if (penalty := _penalty(trial.component, step)) is not None:
            check_scalar(penalty)


@rule(Regularizer, examples=6, implied=UNTRAINABLE, given=penalizes)
def penalty_moves_its_network(trial: Trial[Regularizer]) -> None:
    """Gradients of its penalty reach parameters of the network that is updated, and are finite."""
    for step in _steps(trial):
        penalty = _penalty(trial.component, step)
        if penalty is None:
            continue
        if not penalty.requires_grad:
            raise Broken(
                f"no gradient comes through {step.phase}(step); take gradients by step.gradient, and detach nothing"
            )
        gradients = _gradients(penalty, step)
        if not gradients:
            raise Broken(f"{step.phase}(step) does not depend on the {step.phase}")
        check_finite(f"{step.phase}(step) or its gradient is", penalty, *gradients)


@rule(Regularizer, examples=6, given=penalizes)
def penalty_is_finite_where_scores_are_flat(trial: Trial[Regularizer]) -> None:
    """Where the discriminator's scores have no gradient, as at the start of some, penalty and gradient are finite."""
    for step in _steps(trial):
        head = step.discriminator.get_submodule("head")
        *_, last = (layer for layer in head.modules() if isinstance(layer, WEIGHTED))
        with torch.no_grad():
            for parameter in last.parameters():
                parameter.zero_()
        penalty = _penalty(trial.component, step)
        if penalty is None:
            continue
        check_finite(
            f"where the gradient of all scores is zero, {step.phase}(step) or its gradient is",
            *(penalty, *(_gradients(penalty, step) if penalty.requires_grad else ())),
            hint="the root of a sum of squares has no derivative there: use torch.linalg.vector_norm, or add a small "
            "number",
        )


@rule(Regularizer, examples=4, given=penalizes)
def penalty_changes_nothing(trial: Trial[Regularizer]) -> None:
    """A penalty only says what it adds: it changes no weight, and leaves no gradient at one."""
    for step in _steps(trial):
        parameters = [each for network in (step.generator, step.discriminator) for each in network.parameters()]
        before = [parameter.detach().clone() for parameter in parameters]
        _penalty(trial.component, step)
        if any(parameter.grad is not None for parameter in parameters):
            raise Broken(
                f"{step.phase}(step) leaves gradients at weights; give the penalty back, the trainer differentiates"
            )
        if not all(map(torch.equal, parameters, before)):
            raise Broken(f"{step.phase}(step) changes weights; `constrain` is where that is done")
        if not all(parameter.requires_grad for parameter in parameters):
            raise Broken(f"{step.phase}(step) leaves weights that no longer ask for gradients")


@rule(Regularizer, examples=4, implied=UNTRAINABLE, given=penalizes)
def memory_is_detached(trial: Trial[Regularizer]) -> None:
    """What it remembers from step to step are tensors cut from the graph, which checkpoints can keep."""
    for step in _steps(trial):
        _penalty(trial.component, step)
        for name, kept in step.memory(trial.component).items():
            if not isinstance(kept, Tensor):
                kind = type(kept).__name__
                raise Broken(f"{step.phase}(step) remembers {name!r} as {kind}; it should be a tensor")
            if kept.requires_grad:
                raise Broken(f"{step.phase}(step) remembers {name!r} with the graph behind it; detach it")


@rule(Regularizer, examples=6, implied=UNTRAINABLE, given=_overrides("constrain"))
def constrained_weights_stay_sound(trial: Trial[Regularizer]) -> None:
    """Its constraint leaves the discriminator the same parameters, of the same shapes and finite."""
    discriminator = next(_steps(trial, PHASES[:1])).discriminator
    stir(discriminator)
    before = {name: (parameter, parameter.shape) for name, parameter in discriminator.named_parameters()}
    with torch.no_grad():
        trial.component.constrain(discriminator)
    after = dict(discriminator.named_parameters())
    for name, (parameter, shape) in before.items():
        if after.get(name) is not parameter or parameter.shape != shape or not parameter.requires_grad:
            raise Broken(f"replaces {name}; change it in place, with methods such as clamp_ and copy_")
        check_finite(f"the numbers that it leaves in {name} are", parameter)


def _steps(trial: Trial[Regularizer], phases: Sequence[Phase] = ()) -> Iterator[Step]:
    """One update of each network, by default of those with a penalty, in a small experiment with the component."""
    data, batch = trial.draw(pictures(not trial.component.trains_classes)), trial.draw(st.integers(2, 5))
    experiment = tried_in(trial, labels=bool(data.classes), data=data, training__batch={0: batch})
    shape, memory = ImageShape.of(experiment), {}
    for phase in phases or [phase for phase in PHASES if _overrides(phase)(type(trial.component))]:
        randomness.seed(trial.draw(st.integers(0, 99)))
        generator = Generator(experiment.generator, shape)
        assert experiment.discriminator is not None
        discriminator = Discriminator(experiment.discriminator, shape, experiment.regularizers)
        alpha = trial.draw(st.sampled_from([1.0, 0.5]))
        for network in (generator, discriminator):
            network.grow(network.resolution, 1.0 if shape.scales else alpha)
        height, scales = discriminator.resolution, discriminator.scales
        generator.packs = scales is not None
        sizes = {height: (height, round(height * data.shape))} if scales is None else scales.sizes
        reals = {each: 2 * torch.rand(batch, data.channels, *size) - 1 for each, size in sizes.items()}
        yield Step(
            phase=phase,
            key=("a step",),
            generator=generator,
            discriminator=discriminator,
            augment=(),
            real_images=reals[height] if scales is None else scales.pack(reals),
            labels=data.some_labels(batch),
            memory_of=lambda component: memory,
            scales=scales,
        )


def _penalty(regularizer: Regularizer, step: Step) -> Tensor | None:
    """The penalty of an update, or of the first of some updates in which there is one; None if there is none in any."""
    for number in range(WARM):
        step.seed(f"penalty {number}")
        if (penalty := getattr(regularizer, step.phase)(step)) is not None:
            return penalty
    return None


def _gradients(penalty: Tensor, step: Step) -> list[Tensor]:
    """The gradients of a penalty with respect to those parameters of the updated network on which it depends."""
    network = step.generator if step.phase == "generator" else step.discriminator
    found = torch.autograd.grad(penalty.sum(), list(network.parameters()), allow_unused=True)
    return [gradient for gradient in found if gradient is not None]
