"""What an iteration costs beside its maths: schedules, draws, records, data, observers."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from benchmarks.effort import Effort
from benchmarks.parts import TURN
from benchmarks.rows import Row
from benchmarks.systems import BATCH
from benchmarks.training import LONG, Training, experiment, made
from benchmarks.turns import in_turn
from benchmarks.work import Job, Work
from gankit.runs.start import begin

GOAL_MS = 1.0
"""Milliseconds an iteration at 4x4."""
GOAL_SHARE = 1.02
"""Times as long as the maths alone, from 16x16 on."""
NARROW = 16
"""Channels at 4x4: the cost does not depend on them, and beside little maths it is seen best."""
WATCHED = ["progress", "guard"]
WHO = (
    "trainer",
    "run with progress and guard",
    "run with progress, guard and Aim",
    "run with progress and guard that records losses every time",
    "run with progress, guard and Aim that records losses every time",
)
EVERY, SELDOM = 200 * BATCH, 10_000 * BATCH
"""Images of a stage, of which losses are recorded 200 times: after every iteration, and after every 50th."""
IMAGES = 40 * EVERY
"""How many a run has at least."""


class Maths(Work):
    """PGGAN with WGAN-GP in a plain loop, over gankit's networks and optimizers."""

    def __init__(self, training: Training, resolution: int) -> None:
        trainer = training.trainer
        self._generator, self._discriminator = trainer.generator, trainer.discriminator
        self._averaged: tuple[list[Tensor], list[Tensor]] = (
            [*trainer.average.parameters()],
            [*trainer.generator.parameters()],
        )
        self._follow = get_ema_multi_avg_fn(0.999)
        self._optimizers, self._trained = trainer.optimizers, trainer.trained
        self._latent = self._generator.context.latent
        self._real = (torch.rand(BATCH, 3, resolution, resolution) * 2 - 1).contiguous(
            memory_format=torch.channels_last
        )

    def iterate(self, number: int) -> None:
        """An update of the discriminator, one of the generator, and the average's."""
        self._learns("discriminator")
        real = self._real
        with torch.no_grad():
            fake = self._generator(torch.randn(BATCH, self._latent), None)
        on_real, on_fake = self._score(real), self._score(fake)
        share = torch.rand(BATCH, 1, 1, 1)
        between = (share * real + (1 - share) * fake).requires_grad_()
        [gradient] = torch.autograd.grad(self._score(between).sum(), between, create_graph=True)
        penalty = (gradient.flatten(1).norm(2, dim=1) - 1).square().mean()
        self._descend("discriminator", on_fake.mean() - on_real.mean() + 10 * penalty + 1e-3 * on_real.square().mean())
        self._follow(*self._averaged, 0)  # pyright: ignore[reportArgumentType]
        self._learns("generator")
        self._descend("generator", -self._score(self._generator(torch.randn(BATCH, self._latent), None)).mean())

    def _score(self, images: Tensor) -> Tensor:
        return self._discriminator(images, None).score

    def _learns(self, network: str) -> None:
        for name, parameters in self._trained.items():
            for parameter in parameters:
                parameter.requires_grad_(name == network)

    def _descend(self, network: Any, loss: Tensor) -> None:
        self._optimizers[network].zero_grad(set_to_none=True)
        loss.backward(inputs=self._trained[network])
        self._optimizers[network].step()


class Running(Work):
    """A whole run in a thread, with its records, checkpoints and observers."""

    def __init__(self, wanted: Any, folder: Path) -> None:
        self._loop = begin(wanted, folder)
        threading.Thread(target=self._loop.train, daemon=True).start()
        TURN.wait()

    def iterate(self, number: int) -> None:
        """From the end of one update to that of the next."""
        TURN.let_on()
        TURN.wait()


def maths(resolution: int, channels: int) -> Work:
    """The plain loop."""
    return Maths(made("pggan", channels, {"use": "fixed", "resolution": resolution, "images": LONG}), resolution)


def trainer(resolution: int, channels: int) -> Work:
    """The trainer alone."""
    return made("pggan", channels, {"use": "fixed", "resolution": resolution, "images": LONG})


def run(resolution: int, channels: int, folder: str, observers: list[str], stage: int) -> Work:
    """A run that observers watch, in stages of so many images."""
    parts = range(max(1, IMAGES // stage))
    plan = [{"resolution": resolution, "images": stage, "name": f"part-{part}"} for part in parts]
    wanted = experiment("pggan", channels, {"use": "stages", "plan": plan}, observers=[*observers, "turnstile"])
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Running(wanted, Path(tempfile.mkdtemp(dir=folder)))


def measure(effort: Effort) -> Iterator[Row]:
    """At 4x4 by the millisecond, at 16x16 as a share."""
    for clock in ("cpu", "wall"):
        jobs = _jobs(4, min(NARROW, effort.width), effort.folder / clock)
        turns = in_turn(jobs, replace(effort, seconds=2 * effort.seconds), clock=clock)
        for side, who in enumerate(WHO, 1):
            what = f"own cost of an iteration at 4x4, {who} ({'CPU' if clock == 'cpu' else 'wall'})"
            yield Row(what, turns.difference(side, 0).scaled(1e3), GOAL_MS, "lower", "ms")
    resolution = effort.at_most(16)
    turns = in_turn(_jobs(resolution, effort.width, effort.folder / "wide")[:3], effort)
    what = f"run with progress and guard at {resolution}x{resolution}, over the maths alone"
    yield Row(what, turns.ratio(2, 0), GOAL_SHARE, "lower")


def _jobs(resolution: int, channels: int, folder: Path) -> list[Job]:
    """The maths, and what `WHO` lists."""
    where = {"resolution": resolution, "channels": channels}
    watched = [
        (f"{name}-{stage}", observers, stage)
        for stage in (SELDOM, EVERY)
        for name, observers in (("watched", WATCHED), ("tracked", [*WATCHED, "aim"]))
    ]
    return [
        Job("benchmarks.overhead:maths", where),
        Job("benchmarks.overhead:trainer", where),
        *(
            Job(
                "benchmarks.overhead:run",
                {**where, "folder": str(folder / name), "observers": observers, "stage": stage},
            )
            for name, observers, stage in watched
        ),
    ]
