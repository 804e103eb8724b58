"""Rules for the penalties and constraints of regularizers, on a step of a small experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from hypothesis import reject
from hypothesis import strategies as st
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.core.component import Component
from gankit.kinds import Regularizer
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit.networks.layers import WEIGHTED
from gankit.testing.experiments import experiment_with
from gankit.testing.modules import stir
from gankit.testing.places import pictures, refuses
from gankit.testing.rules import Broken, Trial, rule
from gankit.training import randomness
from gankit.training.step import Step

Phase = Literal["discriminator", "generator"]
PHASES: tuple[Phase, ...] = ("discriminator", "generator")
UNTRAINABLE = ("goes-on-to-the-bit",)
"""The rule that is tried in training, which wrong regularizers may stop."""
WARM = 8
"""Updates in which a penalty may be None, as while it warms up, before the next is tried."""


@rule(Regularizer, examples=6, implied=UNTRAINABLE)
def penalty_is_scalar(trial: Trial[Regularizer]) -> None:
    """What it adds to a loss is a single number, or None for nothing this time."""
    for phase, step in _steps(trial):
        penalty = _penalty(trial.component, step)
        if penalty is not None and penalty.shape != ():
            raise Broken(f"{phase}(step) gives {list(penalty.shape)}; it should be a scalar, []")


@rule(Regularizer, examples=6, implied=UNTRAINABLE)
def penalty_moves_its_network(trial: Trial[Regularizer]) -> None:
    """Gradients of its penalty reach parameters of the network that is updated, and are finite."""
    for phase, step in _steps(trial):
        penalty = _penalty(trial.component, step)
        if penalty is None:
            continue
        network = _network(step)
        if not penalty.requires_grad:
            raise Broken(
                f"no gradient comes through {phase}(step); take gradients by step.gradient, and detach nothing"
            )
        gradients = torch.autograd.grad(penalty.sum(), list(network.parameters()), allow_unused=True)
        found = [gradient for gradient in gradients if gradient is not None]
        if not found:
            raise Broken(f"{phase}(step) does not depend on the {phase}")
        if not all(bool(each.isfinite().all()) for each in (penalty, *found)):
            raise Broken(f"{phase}(step) or its gradient is not finite")


@rule(Regularizer, examples=6)
def penalty_is_finite_where_scores_are_flat(trial: Trial[Regularizer]) -> None:
    """Where the discriminator's scores have no gradient, as at the start of some, penalty and gradient are finite."""
    for phase, step in _steps(trial):
        *_, last = (layer for layer in step.discriminator.head.modules() if isinstance(layer, WEIGHTED))
        with torch.no_grad():
            for parameter in last.parameters():
                parameter.zero_()
        penalty = _penalty(trial.component, step)
        if penalty is None:
            continue
        found = [penalty]
        if penalty.requires_grad:
            parameters = list(_network(step).parameters())
            found += [g for g in torch.autograd.grad(penalty.sum(), parameters, allow_unused=True) if g is not None]
        if not all(bool(each.isfinite().all()) for each in found):
            raise Broken(
                f"where the gradient of all scores is zero, {phase}(step) or its gradient is not finite; the root of a "
                "sum of squares has no derivative there: use torch.linalg.vector_norm, or add a small number"
            )


@rule(Regularizer, examples=4)
def penalty_changes_nothing(trial: Trial[Regularizer]) -> None:
    """A penalty only says what it adds: it changes no weight, and leaves no gradient at one."""
    for phase, step in _steps(trial):
        parameters = [each for network in (step.generator, step.discriminator) for each in network.parameters()]
        before = [parameter.detach().clone() for parameter in parameters]
        _penalty(trial.component, step)
        if any(parameter.grad is not None for parameter in parameters):
            raise Broken(
                f"{phase}(step) leaves gradients at weights; give the penalty back, the trainer differentiates"
            )
        if not all(map(torch.equal, parameters, before)):
            raise Broken(f"{phase}(step) changes weights; `constrain` is where that is done")
        if not all(parameter.requires_grad for parameter in parameters):
            raise Broken(f"{phase}(step) leaves weights that no longer ask for gradients")


@rule(Regularizer, examples=4, implied=UNTRAINABLE)
def memory_is_detached(trial: Trial[Regularizer]) -> None:
    """What it remembers from step to step are tensors cut from the graph, which checkpoints can keep."""
    for phase, step in _steps(trial):
        _penalty(trial.component, step)
        for name, kept in step.memory(trial.component).items():
            if not isinstance(kept, Tensor):
                raise Broken(f"{phase}(step) remembers {name!r} as {type(kept).__name__}; it should be a tensor")
            if kept.requires_grad:
                raise Broken(f"{phase}(step) remembers {name!r} with the graph behind it; detach it")


@rule(Regularizer, examples=6, implied=UNTRAINABLE)
def constrained_weights_stay_sound(trial: Trial[Regularizer]) -> None:
    """Its constraint leaves the discriminator the same parameters, of the same shapes and finite."""
    if type(trial.component).constrain is Regularizer.constrain:
        return
    _, discriminator = _networks(_experiment(trial), seed=0)
    stir(discriminator)
    before = {name: (parameter, parameter.shape) for name, parameter in discriminator.named_parameters()}
    with torch.no_grad():
        trial.component.constrain(discriminator)
    after = dict(discriminator.named_parameters())
    for name, (parameter, shape) in before.items():
        if after.get(name) is not parameter or parameter.shape != shape or not parameter.requires_grad:
            raise Broken(f"replaces {name}; change it in place, with methods such as clamp_ and copy_")
        if not parameter.isfinite().all():
            raise Broken(f"leaves numbers in {name} that are not finite")


def _experiment(trial: Trial[Any]) -> Experiment:
    """A small experiment with the component of `trial`; one of which it complains is passed over."""
    data, draw = trial.draw(pictures), trial.draw
    component: Component = trial.component
    changes = {"data": data, "training__batch": {0: draw(st.integers(2, 5))}}
    experiment = experiment_with(component, labels=bool(data.classes), **changes)
    if refuses(component, lambda: experiment):
        reject()
    return experiment


def _networks(experiment: Experiment, seed: int) -> tuple[Generator, Discriminator]:
    """Both networks, at the second resolution."""
    randomness.seed(seed)
    shape = ImageShape.of(experiment)
    generator = Generator(experiment.generator, shape)
    return generator, Discriminator(experiment.discriminator, shape, experiment.regularizers)


def _steps(trial: Trial[Any]) -> Iterator[tuple[Phase, Step]]:
    """One update of each network for which the component has a penalty."""
    acts: list[Phase] = [
        phase for phase in PHASES if getattr(type(trial.component), phase) is not getattr(Regularizer, phase)
    ]
    if not acts:
        return
    experiment = _experiment(trial)
    memory: dict[str, Tensor] = {}
    for phase in acts:
        generator, discriminator = _networks(experiment, trial.draw(st.integers(0, 99)))
        alpha = trial.draw(st.sampled_from([1.0, 0.5]))
        for network in (generator, discriminator):
            network.grow(network.resolution, alpha)
        batch, classes = experiment.training.batch[0], experiment.data.class_count()
        height = discriminator.resolution
        size = (batch, experiment.data.image_channels(), height, round(height * experiment.data.aspect()))
        yield (
            phase,
            Step(
                phase=phase,
                key=("a step",),
                generator=generator,
                discriminator=discriminator,
                augment=None,
                real_images=2 * torch.rand(size) - 1,
                labels=torch.arange(batch) % classes if classes else None,
                memory_of=lambda component: memory,
            ),
        )


def _penalty(regularizer: Regularizer, step: Step) -> Tensor | None:
    """The penalty of an update, or of the first of some updates in which there is one; None if there is none in any."""
    for number in range(WARM):
        step.seed(f"penalty {number}")
        penalty = getattr(regularizer, step.phase)(step)
        if penalty is not None:
            return penalty
    return None


def _network(step: Step) -> GrowingNetwork:
    return step.generator if step.phase == "generator" else step.discriminator
