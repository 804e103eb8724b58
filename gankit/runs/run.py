"""A run from its experiment to its folder: stages, evaluations, checkpoints, and those who watch."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gankit.config import Experiment
from gankit.data import RealImages, to_uint8
from gankit.errors import UserError
from gankit.evaluation.evaluator import Evaluator
from gankit.growing import Moment, crossed
from gankit.observing import Progress, Row
from gankit.runs.pictures import save_png
from gankit.runs.record import RunFolder
from gankit.runs.watching import Watchers
from gankit.training import checkpoints
from gankit.training.trainer import Trainer

ROWS_PER_STAGE = 200
"""Losses are averaged over a 200th of a stage and then recorded, so that long runs stay readable."""


class TrainingRun:
    """One experiment under way; also what observers see of it."""

    def __init__(self, experiment: Experiment, path: Path, source: Path | None = None) -> None:
        """Prepare everything that can fail for a reason of the user's before the run's folder is made."""
        self.experiment = experiment
        if experiment.training.threads is not None:
            torch.set_num_threads(experiment.training.threads)
        device = choose_device(experiment.training.device)
        reals = RealImages(experiment.data, [stage.resolution for stage in experiment.growth.stages()])
        self._trainer = Trainer(experiment, reals, device)
        self._evaluator = Evaluator(experiment, reals, device)
        self._record = RunFolder.create(path, experiment, source)
        self._watchers = Watchers(experiment.observers, self)
        self._losses = Averages()

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._record.path

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        trainer = self._trainer
        stage, resolution, alpha = trainer.grown
        return Progress(trainer.images, trainer.ends[-1], stage + 1, len(trainer.stages), resolution, alpha)

    def sample(self, count: int, seed: int) -> np.ndarray:
        """`count` images of the averaged generator, uint8 [count, H, W, channels]; leaves no trace on training."""
        return to_uint8(self._trainer.sample(0, count, seed)).permute(0, 2, 3, 1).cpu().numpy()

    def show(self, name: str, image: np.ndarray) -> None:
        """Save a picture, uint8 [H, W, channels], under samples/ and pass it on to every observer."""
        path = self._record.samples / f"{name}.png"
        save_png(path, image)
        self._watchers.shown(name, path, self.progress)

    def train(self) -> None:
        """Carry out every stage: train, evaluate at full alpha, save."""
        try:
            for position, stage in enumerate(self._trainer.stages):
                self._train_stage(position)
                self._trainer.grow(Moment(position, stage.resolution, 1.0))
                self._evaluate()
                self._save()
                self._watchers.stage_ended(self.progress)
            self._record.time("finished")
            self._watchers.finished()
        finally:
            self._watchers.closed()

    def _train_stage(self, position: int) -> None:
        trainer, stage = self._trainer, self._trainer.stages[position]
        end = trainer.ends[position]
        first, since = trainer.images, time.perf_counter()
        self._watchers.stage_started(self.progress)
        while trainer.images < end:
            before = trainer.images
            self._losses.add(trainer.round())
            if crossed(before, trainer.images, max(1, stage.images // ROWS_PER_STAGE)):
                self._write_losses()
            self._watchers.updated(self.progress)
            if trainer.images < end:
                if crossed(before, trainer.images, self.experiment.evaluation.every):
                    self._evaluate()
                if crossed(before, trainer.images, self.experiment.checkpoints.every):
                    self._save()
        self._write_losses()  # what is left of the last 200th, so that no mean mixes two stages
        seconds = time.perf_counter() - since
        self._record.time(
            "stage", resolution=stage.resolution, seconds=seconds, images_per_second=(trainer.images - first) / seconds
        )

    def _write_losses(self) -> None:
        at = self.progress
        rows = [Row(at.images, at.stage, at.resolution, name, value) for name, value in self._losses.taken().items()]
        if not rows:
            return
        self._record.record(rows)
        self._watchers.recorded(rows)

    def _evaluate(self) -> None:
        since = time.perf_counter()
        self._watchers.evaluating(self.progress)
        seed = self.experiment.evaluation.seed
        rows = self._evaluator.evaluate(lambda first, count: self._trainer.sample(first, count, seed), self.progress)
        self._record.record(rows)
        self._record.time("evaluation", images=self.progress.images, seconds=time.perf_counter() - since)
        self._watchers.recorded(rows)

    def _save(self) -> None:
        checkpoints.save(self._record.checkpoints, self._trainer, self.experiment.checkpoints.keep)


class Averages:
    """Means of what the rounds return, added up on the device so that nothing waits for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Add one round's scalars."""
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def taken(self) -> dict[str, float]:
        """The means so far; starts afresh."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes cuda, then mps, then cpu.

    Raises:
        UserError: if the machine has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there[name]:
        usable = ", ".join(device for device, available in there.items() if available)
        raise UserError(f"training.device: there is no {name} on this machine; usable here: auto, {usable}")
    return torch.device(name)
