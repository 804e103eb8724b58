"""Experiments whose batches can be computed in parts without a difference, and training in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.data import images
from gankit.training.trainer import Trainer


def unmixed(experiment: Experiment) -> Experiment:
    """The experiment without whatever makes of one sample what depends on the others."""

    def without(parts: list[Any]) -> list[Any]:
        return [part for part in parts if not getattr(part, "mixes_samples", False)]

    def network(options: Any) -> Any:
        return options.model_copy(update={"norm": {start: without(norms) for start, norms in options.norm.items()}})

    changes = {
        "generator": network(experiment.generator),
        "discriminator": network(experiment.discriminator),
        "regularizers": without(experiment.regularizers),
    }
    return experiment.model_copy(update=changes)


def with_training(experiment: Experiment, **options: Any) -> Experiment:
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=options)})


def with_steady_steps(experiment: Experiment) -> Experiment:
    """With an Adam that does not make steps of what rounding leaves where a gradient is zero, as before a norm."""
    optimizers = experiment.training.optimizer
    steady = {
        name: getattr(optimizers, name).model_copy(update={"eps": 1e-3}) for name in type(optimizers).model_fields
    }
    return with_training(experiment, optimizer=optimizers.model_copy(update=steady))


@contextmanager
def double_precision() -> Iterator[None]:
    """Networks that are built, and reals that are read, are float64."""
    before, to_network_range = torch.get_default_dtype(), images.to_network_range
    torch.set_default_dtype(torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "to_network_range", lambda pixels: to_network_range(pixels).double())
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def weights(made: Trainer) -> dict[str, Tensor]:
    """All parameters and buffers of both networks and the averages, and what components remember."""
    state = made.state_dict()
    of_networks = {f"{name} {key}": each for name, kept in state["weights"].items() for key, each in kept.items()}
    return of_networks | {f"{path} {key}": each for path, kept in state["memory"].items() for key, each in kept.items()}


def largest_difference(one: Trainer, other: Trainer) -> float:
    """Between the numbers of two trainers, of which both must have the same."""
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours if ours[name].numel())
