"""An experiment's growth and training, held against a table of the authors' schedule."""

from __future__ import annotations

import numpy as np
import torch
from support.case import Case
from torch import nn

from gankit import Growth, Progress, at
from gankit.config.experiment import TrainingOptions
from gankit.core.progress import progress_at

REPORTING = 8
"""The column that says how often the authors' code prints something."""


def check_schedule(case: Case, key: str, growth: Growth, training: TrainingOptions) -> None:
    """Assert that level of detail, alpha, resolution, batch, learning rates and average are what the rows say."""
    stages, columns = growth.stages(), case.arrays[f"sched.{key}"]
    for row in columns:
        shown = int(row[0])
        now = progress_at(stages, shown)
        level = np.log2(stages[-1].resolution / now.resolution) + (1 - now.alpha)
        rates = [optimizer.learning_rate(now) for _, optimizer in training.optimizer]
        ours = [level, now.alpha, now.resolution, at(training.batch, now.resolution), *rates]
        if len(row) > REPORTING + 1:
            ours.append(kept_share(training, now))
        np.testing.assert_allclose(ours, np.delete(row[2:], REPORTING - 2), rtol=0, atol=case.meta["atol"])


def kept_share(training: TrainingOptions, now: Progress) -> float:
    """How much of the averaged generator one update leaves."""
    average, current = nn.Linear(1, 1).double(), nn.Linear(1, 1).double()
    nn.init.ones_(average.weight)
    nn.init.zeros_(current.weight)
    with torch.no_grad():
        training.average.move(average, current, now, at(training.batch, now.resolution), {})
    return float(average.weight.detach())
