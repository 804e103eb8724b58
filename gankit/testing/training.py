"""Rules for how training goes: growth schedules, and what components keep between updates, tried in training."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.core.component import Component
from gankit.core.progress import Stage, ends, progress_at
from gankit.data.images import RealImages
from gankit.kinds import Augmentation, Dataset, Growth, Loss, Optimizer, Regularizer, Schedule, WeightAverage
from gankit.testing.experiments import complaints, experiment_with, tried_in
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import bits, first_differing, stir_randomness, through_checkpoint
from gankit.training.trainer import Trainer

ITERATIONS = 3
"""Iterations before and after the checkpoint: 24 images each, so that the fade of the second stage comes after it."""


def _stages(growth: Growth) -> list[Stage]:
    return [Stage(*stage) for stage in growth.stages()]


@rule(Growth)
def stages_follow_from_options(trial: Trial[Growth]) -> None:
    """The same options give the same stages, however often and wherever they are asked for."""
    stir_randomness(1)
    first = _stages(trial.component)
    stir_randomness(2)
    again = _stages(trial.component)
    other = _stages(type(trial.component).model_validate(trial.component.model_dump()))
    if not first == again == other:
        raise Broken(f"stages() gave {first}, then {again}, and of a copy {other}; use nothing but the options")


@rule(Growth)
def resolutions_double(trial: Trial[Growth]) -> None:
    """There is a stage, and each has twice the resolution of the one before, or keeps it under a name of its own."""
    stages = _stages(trial.component)
    resolutions = [stage.resolution for stage in stages]
    if not resolutions:
        raise Broken("stages() is empty")
    if any(type(resolution) is not int or resolution < 1 for resolution in resolutions):
        raise Broken(f"resolutions are {resolutions}; each must be a whole number of pixels, an int above 0")
    if any(after not in (before, 2 * before) for before, after in pairwise(resolutions)):
        raise Broken(f"resolutions are {resolutions}; each must be twice the one before, or the same")
    if len(labels := [stage.label for stage in stages]) > len(set(labels)):
        raise Broken(f"stages are called {', '.join(labels)}; give those at one resolution names unlike each other")


@rule(Growth)
def stages_are_possible(trial: Trial[Growth]) -> None:
    """Every stage shows images, whole numbers of them, and its fade is over when it ends."""
    resolution = 0
    for stage in _stages(trial.component):
        if stage.fade and stage.resolution == resolution:
            raise Broken(f"{stage}: there is nothing to fade in where the resolution stays as it was")
        resolution = stage.resolution
        if type(stage.images) is not int or type(stage.fade) is not int:
            raise Broken(f"{stage}: images and fade must be whole numbers, ints; round what is computed")
        if stage.images < 1:
            raise Broken(f"{stage}: a stage must show an image at least")
        if not 0 <= stage.fade <= stage.images:
            raise Broken(f"{stage}: the fade must take from 0 to {stage.images} images, all that the stage shows")


@rule(Schedule)
def moves_by_the_clock_alone(trial: Trial[Schedule]) -> None:
    """Its number is finite and follows from where the run stands alone, so that a resumed run goes on as it was."""
    stages = [Stage(4, trial.draw(st.integers(1, 5000))), Stage(8, 1000, 500)]
    moments = [progress_at(stages, images) for images in range(0, ends(stages)[-1] + 1, 100)]
    first = [trial.component.value(progress) for progress in moments]
    again = [trial.component.value(progress) for progress in reversed(moments)][::-1]
    for progress, number, other in zip(moments, first, again, strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise Broken(f"after {progress.images:,} images value() gives {number!r:.40}, not a finite number")
        if number != other:
            raise Broken(f"after {progress.images:,} images value() gives {number!r} and, asked again, {other!r}")


@rule(WeightAverage, Augmentation, examples=3)
def remembers_in_tensors(trial: Trial[Any]) -> None:
    """Its memory holds tensors by name and nothing else, as checkpoints keep it."""
    memories = _trained(_tried(trial), ITERATIONS).memory
    for name, memory in memories.items():
        for key, kept in memory.items():
            if not isinstance(key, str) or not isinstance(kept, Tensor):
                raise Broken(f"its memory ({name}) holds {key!r}: {kept!r:.60}; make it a tensor, as torch.tensor(...)")


@rule(Optimizer, WeightAverage, Augmentation, Loss, Regularizer, examples=3)
def goes_on_to_the_bit(trial: Trial[Any]) -> None:
    """Training that goes on from a checkpoint comes to the same bits as training that was never left."""
    experiment = _tried(trial)
    stir_randomness(1)
    left = _trained(experiment, ITERATIONS)
    if any(not isinstance(kept, Tensor) for memory in left.memory.values() for kept in memory.values()):
        return  # say the rules remembers-in-tensors and memory-is-detached
    state = left.state_dict()
    weights = state.pop("weights")
    state = {**through_checkpoint(state), "weights": {name: dict(kept) for name, kept in weights.items()}}
    resumed = _trained(experiment, 0)
    resumed.load_state_dict(state)
    for trainer, number in ((left, 2), (resumed, 3)):
        stir_randomness(number)
        for _ in range(ITERATIONS):
            trainer.iteration()
    if where := first_differing(bits(left.state_dict()), bits(resumed.state_dict())):
        raise Broken(
            f"{where.lstrip('.')} differs after {ITERATIONS} more iterations; keep what updates depend on in the "
            "optimizer's state or in `memory`, and nowhere else, and draw with torch alone, whose generators the "
            "trainer seeds"
        )


def _tried(trial: Trial[Component]) -> Experiment:
    """A small experiment with the component, with labels only if it does not do without; with two of an average."""
    twice = isinstance(trial.component, WeightAverage)
    further: dict[str, Any] = {"training__averages": {"further": trial.component}} if twice else {}
    labels = bool(complaints(trial.component, experiment_with(trial.component)))
    return tried_in(trial, labels=labels, **further)


@cache
def _reals(data: Dataset) -> RealImages:
    """The data of the small experiment, loaded once."""
    return RealImages(data, [4, 8])


def _trained(experiment: Experiment, iterations: int) -> Trainer:
    reals = _reals(experiment.data)  # pyright: ignore[reportArgumentType]: digits can be hashed
    trainer = Trainer(experiment, reals, torch.device("cpu"))
    for _ in range(iterations):
        trainer.iteration()
    return trainer
