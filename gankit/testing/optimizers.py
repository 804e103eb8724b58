"""Rules for optimizers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from gankit.core.progress import Stage, progress_at, progress_in
from gankit.kinds import Optimizer
from gankit.testing.rules import Broken, Trial, check_finite, rule

CORRECTIONS = st.sampled_from([1.0, 0.8, 0.5])
"""Such as the trainer gives: 1 without lazy regularizers, 0.8 with one of every fourth update."""
STEADY = 1e-4
"""How far the shares by which a running mean decays may be apart by rounding, as a share of them."""


def _groups() -> list[dict[str, Any]]:
    """Parameters in groups as the trainer gives them, away from zero, where their quadratics are least."""
    draws = torch.Generator().manual_seed(0)
    shapes = [(3, 2), (4,), (1,)]
    first, second, third = [torch.nn.Parameter(1 + torch.rand(shape, generator=draws)) for shape in shapes]
    return [{"params": [first], "new_at": 8}, {"params": [second, third], "new_at": 0}]


def _update(optimizer: TorchOptimizer, rate: float, strength: float = 1.0) -> None:
    """One update of half the square of every parameter, as the trainer does it."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    for parameter in parameters:
        parameter.grad = strength * parameter.detach().clone()
    optimizer.step()


@rule(Optimizer, examples=20)
def rates_are_rates(trial: Trial[Optimizer]) -> None:
    """The learning rate is finite and above zero wherever the run stands; it may end at zero."""
    stage = Stage(trial.draw(st.sampled_from([4, 8, 64, 1024])), 100_000)
    for images in (0, trial.draw(st.integers(1_000, 99_000)), 99_900, 100_000):
        rate = trial.component.learning_rate(progress_in([stage], 1, images))
        if not math.isfinite(rate) or rate < 0 or (rate == 0 and images < stage.images):
            raise Broken(f"the learning rate after {images} of {stage.images} images at {stage.resolution} is {rate}")


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def rates_follow_from_images(trial: Trial[Optimizer]) -> None:
    """The learning rate depends on the progress alone, so that a run that was left goes on as it would have."""
    stages = [Stage(4, 400), Stage(8, 400, 200), Stage(16, 400)]
    moments = [progress_at(stages, images) for images in range(0, 1201, 100)]
    there = {progress: trial.component.learning_rate(progress) for progress in moments}
    back = {progress: trial.component.learning_rate(progress) for progress in reversed(moments)}
    for progress in moments:
        if there[progress] != back[progress]:
            raise Broken(
                f"the learning rate after {progress.images} of {progress.total} images was {there[progress]}, "
                f"and {back[progress]} when it was asked again"
            )


@rule(Optimizer)
def lowers_a_quadratic(trial: Trial[Optimizer]) -> None:
    """With a small learning rate every parameter comes nearer to the least of its quadratic."""
    groups = _groups()
    parameters: list[Tensor] = [parameter for group in groups for parameter in group["params"]]
    before = [parameter.detach().norm().item() for parameter in parameters]
    optimizer = trial.component.build(groups, trial.draw(CORRECTIONS))
    for _ in range(50):
        _update(optimizer, rate=0.01)
    check_finite("after 50 updates of a learning rate of 0.01 a parameter is", *parameters)
    for parameter, distance in zip(parameters, before, strict=True):
        after = parameter.detach().norm().item()
        if not after < distance:
            raise Broken(
                f"after 50 updates of a learning rate of 0.01 a parameter went from {distance:.4g} to {after:.4g}"
            )


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def heeds_the_trainer(trial: Trial[Optimizer]) -> None:
    """The groups stay as they were given, and each moves by the learning rate that the trainer sets in it."""
    optimizer = trial.component.build(_groups(), trial.draw(CORRECTIONS))
    names = [group.get("new_at") for group in optimizer.param_groups]
    if names != [8, 0]:
        raise Broken(f"its param_groups have 'new_at' {names}, not [8, 0]; hand `parameters` on to torch as they are")
    for group in optimizer.param_groups:
        before = [parameter.detach().clone() for parameter in group["params"]]
        _update(optimizer, rate=0.0)  # from the first update on, as others may still act afterwards
        if not all(map(torch.equal, before, group["params"])):
            raise Broken("parameters move though the trainer has set their group's 'lr' to 0; use the group's 'lr'")


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def passes_over_what_rests(trial: Trial[Optimizer]) -> None:
    """Parameters without a gradient, as those of layers that have not grown yet, stay as they are."""
    groups = _groups()
    optimizer = trial.component.build(groups)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    resting, *others = [parameter for group in groups for parameter in group["params"]]
    before = resting.detach().clone()
    for parameter in others:
        parameter.grad = torch.ones_like(parameter)
    try:
        optimizer.step()
    except (TypeError, AttributeError) as failure:
        raise Broken(f"step() fails with {failure!r} where a parameter's grad is None; pass over it") from None
    if not torch.equal(before, resting):
        raise Broken("a parameter whose grad is None moves")


@rule(Optimizer)
def corrects_its_decay(trial: Trial[Optimizer]) -> None:
    """With a correction c, whatever decays by d in an update decays by d to the power of c (Karras et al. 2020)."""
    plain, correction = _decays(trial.component, 1.0), trial.draw(st.sampled_from([0.8, 0.5]))
    corrected = _decays(trial.component, correction)
    for name, decay in ((name, plain[name]) for name in plain.keys() & corrected):
        if abs(corrected[name] - decay**correction) > 1e-3:
            raise Broken(
                f"{name!r} decays by {decay:.4f} an update, and by {corrected[name]:.4f} instead of "
                f"{decay**correction:.4f} with a correction of {correction}; build with the power of each decay"
            )


def _decays(component: Optimizer, correction: float) -> dict[str, float]:
    """What becomes of each running mean in an update without a gradient, as a share.

    A running mean is what decays by the same share in each of two such updates; a last step or a ratio does not.
    """
    groups = _groups()
    optimizer = component.build(groups, correction)
    _update(optimizer, rate=1e-3)
    kept = [_memories(optimizer, groups[0]["params"][0])]
    for _ in range(2):
        _update(optimizer, rate=1e-3, strength=0.0)
        kept.append(_memories(optimizer, groups[0]["params"][0]))
    shares: dict[str, float] = {}
    for name in kept[0].keys() & kept[1].keys() & kept[2].keys():
        first, second = (after[name] / before[name] for before, after in pairwise(kept))
        if torch.allclose(first, second, rtol=STEADY, atol=0):
            shares[name] = first.mean().item()
    return shares


def _memories(optimizer: TorchOptimizer, parameter: Tensor) -> dict[str, Tensor]:
    """Copies of what an optimizer remembers of each weight of a parameter and is not at zero, in float64."""
    state = {name: kept for name, kept in optimizer.state[parameter].items() if isinstance(kept, Tensor)}
    return {
        name: kept.detach().double().clone()
        for name, kept in state.items()
        if kept.shape == parameter.shape and kept.is_floating_point() and bool((kept != 0).all())
    }
