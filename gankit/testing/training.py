"""Rules for whatever keeps something between the updates of training, tried in training."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.core.component import Component
from gankit.data.images import RealImages
from gankit.kinds import Augmentation, Dataset, Loss, Optimizer, Regularizer, WeightAverage
from gankit.testing.experiments import complaints, experiment_with, tried_in
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import first_difference, stir_randomness, through_checkpoint
from gankit.training.trainer import Trainer

ITERATIONS = 3
"""Iterations before and after the checkpoint: 24 images each, so that the fade of the second stage comes after it."""


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
    where = first_difference(left.state_dict(), resumed.state_dict())
    if where is not None:
        raise Broken(
            f"{where.lstrip('.')} differs after {ITERATIONS} more iterations; keep what updates depend on in the "
            "optimizer's state or in `memory`, and nowhere else, and draw with torch alone, whose generators the "
            "trainer seeds"
        )


def _tried(trial: Trial[Component]) -> Experiment:
    """A small experiment with the component, with labels only if it does not do without."""
    return tried_in(trial, labels=bool(complaints(trial.component, experiment_with(trial.component))))


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
