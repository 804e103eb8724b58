"""A rehearsal of a run: each stage, loss, penalty and metric once, on few images, before anything is trained."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from gankit.runs.attribution import attributing_errors
from gankit.runs.components import RunComponents
from gankit.training import randomness
from gankit.training.rehearsal import Rehearsal

if TYPE_CHECKING:
    import torch

    from gankit.config.experiment import Experiment
    from gankit.data.images import RealImages

FEW = 4
"""Reals an update."""


def rehearse(parts: RunComponents, images: int = 0) -> None:
    """Rehearse what is left of a run after so many images; no bit of the run changes by it.

    Raises:
        UserError: naming the first component that gives other than its kind promises, and what was expected.
        ComponentError: naming the first that fails.
        RunError: if memory runs out.
    """
    with _untouched(), attributing_errors(parts.experiment):
        parts.evaluators.rehearse(_gone_through(parts.experiment, parts.reals, parts.device, images).measured())


def rehearse_training(experiment: Experiment, reals: RealImages, device: torch.device, until: int | None) -> None:
    """Rehearse the stages that are over after so many images, or all of them, and nothing of what is measured.

    Raises:
        UserError, ComponentError, RunError: as `rehearse`.
    """
    with _untouched(), attributing_errors(experiment):
        _gone_through(experiment, reals, device, until=until)


def _gone_through(
    experiment: Experiment, reals: RealImages, device: torch.device, since: int = 0, until: int | None = None
) -> Rehearsal:
    """The rehearsal of what is trained; what few images break may be right with as many as are trained on."""
    batch = max(map(experiment.training.part_in, experiment.stages()))
    for most in sorted({min(FEW, batch), batch}):
        try:
            rehearsal = Rehearsal(experiment, reals.spread(most), device, most)
            rehearsal.go_through(since, until)
        except Exception:
            if most == batch:
                raise
        else:
            return rehearsal
    raise AssertionError("the last of them returns or raises")


@contextmanager
def _untouched() -> Iterator[None]:
    """Leave all generators of random numbers as they were."""
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with randomness.untouched():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
