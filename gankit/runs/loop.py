"""A run under way: iterations of training and what is due between them, such that it can go on from any checkpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from shlex import quote
from typing import Any

from gankit.checkpoints import store
from gankit.checkpoints.store import Checkpoint
from gankit.core.errors import Interrupted, RunError
from gankit.core.failures import in_short, warn
from gankit.core.options import did_you_mean
from gankit.core.progress import Progress, crossed, progress_in
from gankit.evaluation.background import BackgroundEvaluator
from gankit.kinds.callbacks import Picture, Row
from gankit.runs.attribution import attributing_errors
from gankit.runs.callback_list import CallbackList
from gankit.runs.components import RunComponents
from gankit.runs.context import LoopContext
from gankit.runs.folder import RunFolder
from gankit.runs.provenance import source_of_plugins
from gankit.runs.signals import SignalGuard
from gankit.training.means import Means
from gankit.training.sampler import GeneratorSampler

ROWS_PER_STAGE = 200
"""Losses are averaged over a 200th of a stage and then recorded, so that long runs stay readable."""


class TrainingLoop(LoopContext):
    """One experiment under way.

    Between iterations it has duties, one after the other: to evaluate, to end a stage, to save. Those that are left are
    part of its state, so a checkpoint can be written before any of them.
    """

    def __init__(self, parts: RunComponents, folder: RunFolder, checkpoint: Checkpoint | None = None) -> None:
        """Make ready to train from the beginning, or to go on from `checkpoint`."""
        super().__init__(parts, folder)
        self._losses = Means()
        self._due = ["begin stage"]
        self._best = BestEvaluation(self.experiment.checkpoints.best)
        self._saved_at: int | None = None
        self._submitted: tuple[str, int] | None = None
        self._interrupts = SignalGuard()
        self._plugins = source_of_plugins(self.experiment)
        if checkpoint is not None:
            self._take(checkpoint)
        self._callbacks = CallbackList(self.experiment.observers, self)
        if checkpoint is not None:
            self._callbacks.load_state_dict(checkpoint.state["watchers"])
        self._stage_began = (self._trainer.images, time.perf_counter())

    def train(self) -> None:
        """Train to the end of the last stage, evaluating and saving as the experiment says; closes the folder.

        Raises:
            RunError: if an observer stopped it, or its record cannot be written.
            Interrupted: after SIGINT or SIGTERM, its state saved.
        """
        try:
            if not store.found(self._record.checkpoints):
                self._save()  # tells at once whether there is room, and there is always something to go back to
            self._record.time("begun", images=self._trainer.images, **self._parameters())
            with self._interrupts, attributing_errors(self.experiment):
                self._finish()
            self._record.time("finished")
            self._callbacks.finished()
        except Interrupted:
            if self._saved_at != self._trainer.images:
                self._save(interrupted=True)
            warn(f"left at {self._trainer.images:,} images; go on with: gankit resume {quote(str(self.folder))}")
            raise
        except Exception as failure:
            self._record.time("failed", reason=in_short(failure))
            raise
        finally:
            self._callbacks.closed()
            self._parts.evaluators.close()
            self._record.close()

    def _finish(self) -> None:
        """All iterations and duties that are left."""
        trainer = self._trainer
        while self._due or trainer.images < trainer.ends[-1]:
            self._interrupts.check()
            if self._due:
                self._carry_out(self._due.pop(0))
            else:
                self._iterate()
            self._heed()
        if self._submitted is not None:  # as if it had been measured before the last checkpoint
            self._collect()
            self._save()

    def _iterate(self) -> None:
        """One iteration, what is recorded of it, and what is due after it."""
        trainer = self._trainer
        position = sum(end <= trainer.images for end in trainer.ends)
        stage, end, before = trainer.stages[position], trainer.ends[position], trainer.images
        was = trainer.grown
        scalars = trainer.iteration()
        self._losses.add(scalars)
        if crossed(before, trainer.images, max(1, stage.images // ROWS_PER_STAGE)):
            self._write_losses()
        self._callbacks.updated(self.progress, scalars)
        if trainer.images < end:
            options = self.experiment.evaluation
            now, before_alpha = trainer.grown, was.alpha if was.stage == trainer.grown.stage else 0.0
            past_alpha = stage.fade > 0 and any(before_alpha < alpha <= now.alpha for alpha in options.alphas)
            if past_alpha or crossed(before, trainer.images, options.every):
                self._due.append("track")
            if crossed(before, trainer.images, self.experiment.checkpoints.every):
                self._due.append("save")
        else:
            self._write_losses()  # what is left of the last 200th, so that no mean mixes two stages
            self._time_stage(stage.resolution)
            trainer.grow(progress_in(trainer.stages, position + 1, trainer.images))
            self._due = ["evaluate", "end stage", "save"]
            if position + 1 < len(trainer.stages):
                self._due.append("begin stage")

    def _carry_out(self, duty: str) -> None:
        """Do what is due; if it is interrupted, it stays so."""
        duties = {
            "track": lambda: self._evaluate("track"),
            "evaluate": lambda: self._evaluate("evaluate"),
            "begin stage": self._begin_stage,
            "end stage": lambda: self._callbacks.stage_ended(self.progress),
            "save": self._save,
        }
        try:
            duties[duty]()
        except Interrupted:
            self._due.insert(0, duty)
            raise

    def _begin_stage(self) -> None:
        self._stage_began = (self._trainer.images, time.perf_counter())
        self._callbacks.stage_started(self.progress)

    def _evaluate(self, duty: str) -> None:
        """Measure, or have it measured while training goes on."""
        self._collect()
        since, full = time.perf_counter(), duty == "evaluate"
        self._callbacks.evaluating(self.progress)
        trainer, evaluators = self._trainer, self._parts.evaluators
        if isinstance(evaluators, BackgroundEvaluator):
            evaluators.submit(trainer.average, self.progress, full)
            self._submitted = duty, trainer.images
            return
        with self._interrupts.at_once():
            rows = evaluators.evaluate(GeneratorSampler(trainer.average, self._parts.device), self.progress, full)
        self._write(rows)
        self._record.time("evaluation", images=self.progress.images, seconds=time.perf_counter() - since)
        if self._best.is_beaten(rows, full) and "save" not in self._due:
            self._due.append("save")

    def _collect(self) -> None:
        """Record the numbers of the evaluation under way beside, if there is one."""
        if self._submitted is not None and isinstance(self._parts.evaluators, BackgroundEvaluator):
            self._submitted = None
            self._write(self._parts.evaluators.result())

    def _save(self, interrupted: bool = False) -> None:
        """Write a checkpoint, unless an observer has just found that the state is not worth keeping.

        An evaluation of this very state that is under way beside is due again for whoever goes on from it.
        """
        due = self._due
        if self._submitted is not None and self._submitted[1] == self._trainer.images:
            due = [self._submitted[0], *due]
        else:
            self._collect()
        self._callbacks.saving(self.progress)
        if self._request is not None:
            return
        options, trainer = self.experiment.checkpoints, self._trainer
        state = {
            **trainer.state_dict(),
            "losses": self._losses.state_dict(),
            "due": due,
            "best": self._best.found,
            "pictures": [(picture.name, _as_kept(picture.progress)) for picture in self._pictures],
            "watchers": self._callbacks.state_dict(),
        }
        about = {
            "images": trainer.images,
            "resolution": trainer.grown.resolution,
            "alpha": trainer.grown.alpha,
            "best": self._best.found,
            "data": self._parts.reals.fingerprint,
            "plugins": self._plugins,
            "interrupted": interrupted,
            "finished": trainer.images >= trainer.ends[-1] and not due,
        }
        self._record.save(state, about, options.keep, self._best.images)
        self._saved_at = trainer.images

    def _take(self, checkpoint: Checkpoint, events: bytes = b"") -> None:
        """Stand where `checkpoint` was written; metrics.jsonl keeps `events` beside what it held then."""
        state = checkpoint.state
        self._trainer.load_state_dict(state)
        self._losses.load_state_dict(state["losses"], self._parts.device)
        if self._submitted is not None:  # numbers of a future that is void
            self._collect()
        self._due, self._best.found = list(state["due"]), state["best"]
        self._saved_at = self._trainer.images
        self._pictures = [
            Picture(name, self._record.samples / f"{name}.png", self._kept(*at)) for name, at in state["pictures"]
        ]
        self._record.rewind(checkpoint.metrics + events)

    def _kept(self, images: int, total: int, stage: int, stages: int, resolution: int, alpha: float) -> Progress:
        """What `_as_kept` gave; stages that were added since change nothing of those before."""
        since = progress_in(self._trainer.stages, stage, images).stage_images
        return Progress(images, total, stage, stages, resolution, alpha, since)

    def _heed(self) -> None:
        """Do what an observer asked for.

        Raises:
            RunError: if that is to stop.
        """
        request, self._request = self._request, None
        if request is None:
            return
        if request.rate is None:
            raise RunError(f"{self.folder} was stopped: {request.reason}")
        attempt, rate = self._trainer.attempt + 1, self._trainer.rate * request.rate
        checkpoint = store.newest(self._record.checkpoints, warn, regular=True)
        if checkpoint is None:
            raise RunError(f"{self.folder} cannot go back, its checkpoints are gone: {request.reason}")
        since = self._record.metrics[len(checkpoint.metrics) :]
        self._take(checkpoint, events=b"".join(line for line in since.splitlines(keepends=True) if b'"note": ' in line))
        self._trainer.attempt, self._trainer.rate = attempt, rate
        self._callbacks.load_state_dict(checkpoint.state["watchers"])
        self._callbacks.restored(self.progress)
        self.report("rolled-back", attempt, request.reason)

    def _write_losses(self) -> None:
        at = self.progress
        means = self._losses.taken()
        self._write([Row(at.images, at.stage, at.resolution, name, mean) for name, mean in means.items()])

    def _parameters(self) -> dict[str, float]:
        """How many parameters each network has, the layers of all resolutions counted."""
        return {
            f"{name}_parameters": sum(parameter.numel() for parameter in network.parameters())
            for name, network in self.networks.items()
        }

    def _time_stage(self, resolution: int) -> None:
        images, since = self._stage_began
        seconds, images = time.perf_counter() - since, self._trainer.images - images
        self._record.time("stage", resolution=resolution, seconds=seconds, images_per_second=images / seconds)


def _as_kept(progress: Progress) -> tuple[int | float, ...]:
    """What checkpoints hold of where a run stood: all but the images of the stage, which follow from the others."""
    return tuple(progress)[:-1]


class BestEvaluation:
    """The best value of one metric so far, at the highest resolution reached."""

    def __init__(self, name: str | None) -> None:
        """Look out for the metric called `name`; for none if it is None."""
        self._name = name
        self._complained = False
        self.found: dict[str, Any] | None = None
        """Its value, the images shown and the resolution; plain values, for checkpoints."""

    @property
    def images(self) -> int | None:
        """Images shown at the best evaluation."""
        return None if self.found is None else self.found["images"]

    def is_beaten(self, rows: Sequence[Row], full: bool) -> bool:
        """Whether an evaluation is better than all before; it is the best then.

        Args:
            rows: Its numbers.
            full: Whether it was by the full protocol, whose numbers must have the metric among them.
        """
        if self._name is None:
            return False
        named = [row for row in rows if row.name == self._name]
        if full and not named and not self._complained:
            self._complained = True
            hint = did_you_mean(self._name, [row.name for row in rows])
            warn(f"checkpoints.best: the evaluation gave no {self._name}, so no checkpoint is kept for it.{hint}")
        better = [row for row in named if self._improves(row)]
        for row in better:
            self.found = {"value": row.value, "images": row.images, "resolution": row.resolution}
        return bool(better)

    def _improves(self, row: Row) -> bool:
        if row.protocol is None or row.value != row.value:
            return False
        if self.found is None or row.resolution > self.found["resolution"]:
            return True
        best = self.found["value"]
        return row.value > best if row.protocol["better"] == "higher" else row.value < best
