"""Rules for averaged generators."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.core.progress import Progress, Stage, progress_in
from gankit.kinds import WeightAverage
from gankit.testing.rules import Broken, Trial, check_finite, rule

ROUNDING = 1e-9
"""What may be lost in float64."""


def _network() -> nn.Module:
    """A small network in float64, always the same."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()


def _vector(network: nn.Module) -> Tensor:
    """All weights of a network."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])


def _updates(batch: int, updates: int = 12) -> Iterator[Progress]:
    """Where a run stands before updates of so many images each, of which the second half are a stage of their own."""
    stages = [Stage(4, updates // 2 * batch), Stage(8, updates // 2 * batch)]
    for number in range(updates):
        yield progress_in(stages, 1 if number < updates // 2 else 2, number * batch)


def _move(
    component: WeightAverage,
    average: nn.Module,
    current: nn.Module,
    progress: Progress,
    batch: int,
    memory: dict[str, Any],
) -> None:
    with torch.no_grad():
        component.move(average, current, progress, batch, memory)


@rule(WeightAverage, examples=20)
def stays_among_the_weights(trial: Trial[WeightAverage]) -> None:
    """The average lies between the least and the greatest that each weight has been; of one that rests it is that."""
    average, current = _network(), _network()
    batch, rests = trial.draw(st.integers(1, 2000)), trial.draw(st.booleans())
    draws, memory = torch.Generator().manual_seed(trial.draw(st.integers(0, 99))), {}
    least = greatest = _vector(current)
    for progress in _updates(batch):
        if not rests:
            nn.utils.vector_to_parameters(torch.randn(least.shape, generator=draws).double(), current.parameters())
        least, greatest = torch.minimum(least, _vector(current)), torch.maximum(greatest, _vector(current))
        _move(trial.component, average, current, progress, batch, memory)
        check_finite(f"after {progress.images + batch} images the average is", _vector(average))
        outside = torch.maximum(least - _vector(average), _vector(average) - greatest).max().item()
        if not outside <= ROUNDING:
            what = "a weight that never changed" if rests else "all that a weight has been"
            raise Broken(f"after {progress.images + batch} images the average lies {outside:.3g} outside {what}")


@rule(WeightAverage)
def comes_nearer(trial: Trial[WeightAverage]) -> None:
    """The average of a network that has come to rest elsewhere comes nearer to it, and the network stays as it is."""
    average, current = _network(), _network()
    with torch.no_grad():
        for parameter in current.parameters():
            parameter += 1
    rest, before, memory = _vector(current), _vector(average), {}
    for progress in _updates(batch=1000):
        _move(trial.component, average, current, progress, 1000, memory)
    if not torch.equal(rest, _vector(current)):
        raise Broken("move() changes the network that is trained; change the parameters of `average` alone")
    check_finite("over 12,000 images the average becomes", _vector(average))
    distance = (rest - before).norm().item(), (rest - _vector(average)).norm().item()
    if not distance[1] < distance[0]:
        raise Broken(f"over 12,000 images the distance to it went from {distance[0]:.4g} to {distance[1]:.4g}")


@rule(WeightAverage)
def averages_in_place(trial: Trial[WeightAverage]) -> None:
    """The averaged parameters stay the same objects and ask for no gradients."""
    average, current = copy.deepcopy(_network()).requires_grad_(False), _network()
    before, memory = list(average.parameters()), {}
    for progress in _updates(batch=100):
        _move(trial.component, average, current, progress, 100, memory)
    after = list(average.parameters())
    if len(before) != len(after) or any(one is not other for one, other in zip(before, after, strict=False)):
        raise Broken(
            "the average's parameters are other objects than before; change them in place, as by lerp_ or copy_"
        )
    if any(parameter.requires_grad or parameter.grad_fn is not None for parameter in after):
        raise Broken("the average's parameters ask for gradients")
