"""Runs that go wrong at a place that is known, under a guard."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from support.command import rows
from support.tiny import tiny
from torch import Tensor

from gankit import Callback, Loss, Observer, Optimizer
from gankit.checkpoints import store
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import RunContext
from gankit.runs.loop import TrainingLoop
from gankit.runs.start import begin

BATCH = 200
"""Of few updates among many images, as guards look and runs are saved by images."""


class Clock(Observer):
    """Tells losses how many images were shown, and can end the process's run by a signal."""

    images: ClassVar[int] = 0
    leave_at: ClassVar[int | None] = None

    def callback(self, run: RunContext) -> Callback:
        Clock.images = run.progress.images
        return Ticking()


class Ticking(Callback):
    def on_update(self, progress: Progress, scalars: Any) -> None:
        Clock.images = progress.images
        if Clock.images == Clock.leave_at:
            Clock.leave_at = None
            os.kill(os.getpid(), signal.SIGTERM)

    def on_rollback(self, progress: Progress) -> None:
        Clock.images = progress.images


class Wasserstein(Loss):
    """What both losses below go wrong from."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return -fake.mean()


class Breaking(Wasserstein):
    """Turns NaN, or only its gradient does, in the round that ends at image `at`, of one network and for good."""

    at: int = 3000
    network: str = "discriminator"
    only_gradient: bool = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return super().discriminator(real, fake) + self._fault("discriminator", fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return super().generator(fake, real) + self._fault("generator", fake)

    def _fault(self, network: str, scores: Tensor) -> Tensor | float:
        if network != self.network or Clock.images < self.at - BATCH:
            return 0.0
        zero = scores.mean() * 0
        return zero.sqrt() if self.only_gradient else zero.log() * 0  # the gradient of the first is 0 times infinity


class Unlucky(Wasserstein):
    """Turns NaN in a round whose draws are bad, which one in `rounds` are."""

    rounds: int = 70

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        bad = torch.rand(()) < 1 / self.rounds
        return super().discriminator(real, fake) * (math.nan if bad else 1.0)


class GradientDescent(Optimizer):
    """Without momentum: diverges where the learning rate is above two over the curvature."""

    lr: float = 1.0

    def build(self, parameters: Any, correction: float = 1.0) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr)

    def learning_rate(self, progress: Progress) -> float:
        return self.lr


@contextmanager
def registered() -> Iterator[None]:
    """Lets experiments name the parts above."""
    parts = {"clock": Clock, "breaking": Breaking, "unlucky": Unlucky, "gradient-descent": GradientDescent}
    Clock.leave_at = None
    with restored():
        for name, part in parts.items():
            register("observers", name, part)
        yield


def begun(folder: Path, *guards: Any, images: int = 4000, **changes: Any) -> TrainingLoop:
    training = {"batch": BATCH, "device": "cpu"} | changes.pop("training", {})
    options: dict[str, Any] = {
        "growth": {"use": "fixed", "resolution": 4, "images": images},
        "regularizers": [],
        "loss": "wgan",
        "checkpoints": {"every": 1000},
        "observers": ["clock", *guards],
    }
    return begin(tiny(training=training, **(options | changes)), folder / "run")


def events(folder: Path) -> list[tuple[str, int]]:
    return [(row["name"], row["images"]) for row in rows(folder / "run") if "note" in row]


def measured(folder: Path) -> list[tuple[int, str]]:
    return [(row["images"], row["name"]) for row in rows(folder / "run") if "note" not in row]


def saved(folder: Path) -> list[int]:
    """Images of the checkpoints, all of which are whole and finite."""
    found = store.found(folder / "run" / "checkpoints")
    for checkpoint in map(store.read, found):
        weights = [tensor for network in checkpoint.state["weights"].values() for tensor in network.values()]
        assert all(tensor.isfinite().all() for tensor in weights)
    return [int(path.name) for path in found]


def record(folder: Path) -> dict[str, bytes]:
    """All that does not depend on the clock."""
    run = folder / "run"
    files = [run / "metrics.jsonl", *(file for file in (run / "checkpoints").rglob("*") if file.is_file())]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}
