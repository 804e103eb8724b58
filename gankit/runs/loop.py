"""A run under way: iterations of training and what is due between them, such that it can go on from any checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from shlex import quote
from typing import TYPE_CHECKING, Any

from gankit.checkpoints import store
from gankit.checkpoints.classes import ATTRIBUTES, CLASSES
from gankit.checkpoints.store import Checkpoint
from gankit.core.errors import Interrupted, RunError
from gankit.core.failures import in_short, warn
from gankit.core.progress import Progress, crossed, progress_in
from gankit.evaluation.background import BackgroundEvaluator
from gankit.kinds.callbacks import Callback, Picture, Row, RunContext
from gankit.runs.attribution import attributing_errors
from gankit.runs.best import BestEvaluation
from gankit.runs.callbacks import CallbackList, LoopContext
from gankit.runs.components import RunComponents
from gankit.runs.folder import RunFolder
from gankit.runs.launched import launched
from gankit.runs.others import Others, others_of
from gankit.runs.provenance import source_of_plugins
from gankit.runs.recorded import DECISIVE, decisive_options
from gankit.runs.signals import SignalGuard
from gankit.runs.stopwatch import Stopwatch, energy_meter
from gankit.training.sampler import GeneratorSampler

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config.evaluation import GeneratorName
    from gankit.evaluation.evaluator import ImageSampler

ROWS_PER_STAGE = 200
"""Losses are averaged over a 200th of a stage and then recorded, so that long runs stay readable."""


class Task(StrEnum):
    """What a run has to do between two iterations, by the name that checkpoints hold."""

    BEGIN_STAGE = "begin stage"
    QUICK_EVALUATION = "track"  # its former name, kept for checkpoints that have it
    EVALUATION = "evaluate"
    END_STAGE = "end stage"
    SNAPSHOT = "snapshot"
    SAVE = "save"


class TrainingLoop(LoopContext):
    """One experiment under way.

    Between iterations it has tasks, one after the other: to evaluate, to end a stage, to save. Those that are left are
    part of its state, so a checkpoint can be written before any of them.
    """

    def __init__(
        self,
        parts: RunComponents,
        folder: RunFolder,
        checkpoint: Checkpoint | None = None,
        callback: Callable[[RunContext], Callback] | None = None,
    ) -> None:
        """Make ready to train from the beginning, or to go on from `checkpoint`, and to tell a further callback."""
        super().__init__(parts, folder)
        self._losses = Means()
        self._tasks = [Task.BEGIN_STAGE]
        self._best = BestEvaluation(self.experiment.checkpoints.best)
        self._saved_at: int | None = None
        self._submitted: tuple[Task, int] | None = None
        self._judged: list[Row] = []
        """What was found of the networks when that was submitted."""
        self._interrupts = SignalGuard(is_launched=launched() is not None)
        self._others = Others()
        self._plugins, self._options = source_of_plugins(self.experiment), decisive_options(self.experiment)
        if checkpoint is not None:
            self._restore(checkpoint)
        else:
            self._record.remove_snapshots()
        self._callbacks = CallbackList(self.experiment.observers, self, callback)
        if checkpoint is not None:
            self._callbacks.load_state_dict(checkpoint.state["watchers"])
        self._energy = energy_meter(parts.device, self.experiment.training.processes)
        self._stage_began = (self._trainer.images, Stopwatch(self._energy))

    def train(self) -> None:
        """Train to the end of the last stage, evaluating and saving as the experiment says; closes the folder.

        Raises:
            RunError: if an observer stopped it, or its record cannot be written.
            Interrupted: after SIGINT or SIGTERM, its state saved.
        """
        try:
            if not store.found(self._record.checkpoints):
                self._save()  # tells at once whether there is room, and there is always something to go back to
            self._others = others_of(self.experiment.training.processes, self._record_failure)
            self._others.begin(self.folder, self._trainer, self._parts.evaluators)
            self._record.time("begun", images=self._trainer.images, **self._parameters())
            with self._interrupts, attributing_errors(self.experiment, trains=True):
                self._finish()
            self._record.time("finished")
            self._callbacks.on_finish()
        except Interrupted:
            if self._saved_at != self._trainer.images:
                self._save(interrupted=True)
            warn(f"left at {self._trainer.images:,} images; go on with: gankit resume {quote(str(self.folder))}")
            raise
        except Exception as failure:
            self._record_failure(in_short(failure))
            raise
        finally:
            self._callbacks.on_close()
            self._parts.evaluators.close()
            self._others.leave()
            self._energy.close()
            self._record.close()

    def _finish(self) -> None:
        """All iterations and tasks that are left."""
        trainer = self._trainer
        while self._tasks or trainer.images < trainer.ends[-1]:
            self._interrupts.check()
            if self._tasks:
                self._perform(self._tasks.pop(0))
            else:
                self._iterate()
            self._answer_request()
        if self._submitted is not None:  # as if it had been measured before the last checkpoint
            with self._interrupts.at_once():  # that checkpoint is there already, with this as a task
                self._collect()
            self._save()

    def _iterate(self) -> None:
        """One iteration, what is recorded of it, and the tasks that come after it."""
        trainer = self._trainer
        position = sum(end <= trainer.images for end in trainer.ends)
        stage, end, before = trainer.stages[position], trainer.ends[position], trainer.images
        was = trainer.grown
        with self._others.iterating() as received:
            scalars = trainer.iteration()
        if received:
            self._interrupts.note(received)
        self._losses.add(scalars)
        if crossed(before, trainer.images, max(1, stage.images // ROWS_PER_STAGE)):
            self._write_losses()
        self._callbacks.on_update(self.progress, scalars)
        keeps = self.experiment.checkpoints.snapshots
        if crossed(before, trainer.images, keeps) or (keeps is not None and trainer.images >= end):
            self._tasks.append(Task.SNAPSHOT)
        if trainer.images < end:
            options = self.experiment.evaluation
            now, before_alpha = trainer.grown, was.alpha if was.stage == trainer.grown.stage else 0.0
            past_alpha = stage.fade > 0 and any(before_alpha < alpha <= now.alpha for alpha in options.alphas)
            if past_alpha or crossed(before, trainer.images, options.every):
                self._tasks.append(Task.QUICK_EVALUATION)
            if crossed(before, trainer.images, self.experiment.checkpoints.every):
                self._tasks.append(Task.SAVE)
        else:
            self._write_losses()  # what is left of the last 200th, so that no mean mixes two stages
            self._time_stage(position + 1)
            trainer.grow(progress_in(trainer.stages, position + 1, trainer.images))
            self._tasks += [Task.EVALUATION, Task.END_STAGE, Task.SAVE]
            if position + 1 < len(trainer.stages):
                self._tasks.append(Task.BEGIN_STAGE)

    def _perform(self, task: Task) -> None:
        """Do one task; if it is interrupted, it is left to be done again."""
        try:
            match task:
                case Task.BEGIN_STAGE:
                    self._begin_stage()
                case Task.QUICK_EVALUATION | Task.EVALUATION:
                    self._evaluate(task)
                case Task.END_STAGE:
                    self._callbacks.on_stage_end(self.progress)
                case Task.SNAPSHOT:
                    self._take_snapshot()
                case Task.SAVE:
                    self._save()
        except Interrupted:
            self._tasks.insert(0, task)
            raise

    def _take_snapshot(self) -> None:
        """Keep the weights of the averages whose length can be chosen once the run is over."""
        lengths = {name: own.average.relative_length() for name, own in self._trainer.averages.items()}
        kept = {name: length for name, length in lengths.items() if length is not None}
        weights = {name: self._trainer.averages[name].snapshot() for name in kept}
        position = {**self._position(), "resolution_images": self.progress.resolution_images}
        self._record.save_snapshot(weights, position, kept)

    def _position(self) -> dict[str, Any]:
        """Where the run stands and what was shown to it, for manifests."""
        grown, reals = self._trainer.grown, self._parts.reals
        return {
            "images": self._trainer.images,
            "stage": grown.stage,
            "resolution": grown.resolution,
            "alpha": grown.alpha,
            "data": reals.fingerprint,
            CLASSES: reals.class_names,
            **({ATTRIBUTES: reals.attribute_names} if reals.attribute_names else {}),
        }

    def _begin_stage(self) -> None:
        self._stage_began = (self._trainer.images, Stopwatch(self._energy))
        self._callbacks.on_stage_start(self.progress)

    def _evaluate(self, task: Task) -> None:
        """Measure, or have it measured while training goes on."""
        self._collect()
        watch, full = Stopwatch(self._energy), task is Task.EVALUATION
        self._callbacks.on_evaluation_start(self.progress)
        trainer, evaluators = self._trainer, self._parts.evaluators
        generators = trainer.generators(self.experiment.evaluation.generators)
        self._judged = self._ask_discriminator() if self.experiment.evaluation.discriminator else []
        if isinstance(evaluators, BackgroundEvaluator):
            evaluators.submit(generators, self.progress, full)
            self._submitted = task, trainer.images
            return
        with self._interrupts.at_once():
            sources: dict[GeneratorName, ImageSampler] = {
                which: GeneratorSampler(generator, self._parts.device) for which, generator in generators.items()
            }
            with self._others.evaluating(trainer, full):
                rows = evaluators.evaluate(sources, self.progress, full)
        self._write([*self._judged, *rows])
        self._record.time("evaluation", images=self.progress.images, **watch.taken())
        if self._best.is_beaten(rows, full) and Task.SAVE not in self._tasks:
            self._tasks.append(Task.SAVE)

    def _ask_discriminator(self) -> list[Row]:
        """What it makes of reals that it has not learned from, and how long gradients are."""
        from gankit.training.judging import judged

        at = self.progress
        return [Row(at.images, at.stage, at.resolution, name, value) for name, value in judged(self._trainer).items()]

    def _collect(self) -> None:
        """Record the numbers of the evaluation under way in the background, if there is one."""
        if self._submitted is not None and isinstance(self._parts.evaluators, BackgroundEvaluator):
            self._submitted = None
            self._write([*self._judged, *self._parts.evaluators.result()])

    def _save(self, interrupted: bool = False) -> None:
        """Write a checkpoint, unless an observer has just found that the state is not worth keeping.

        An evaluation of this very state that is under way in the background is a task again for whoever goes on.
        """
        tasks = self._tasks
        if self._submitted is not None and self._submitted[1] == self._trainer.images:
            tasks = [self._submitted[0], *tasks]
        else:
            self._collect()
        self._callbacks.on_save(self.progress)
        if self._request is not None:
            return
        options, trainer = self.experiment.checkpoints, self._trainer
        self._others.compare(trainer)
        state = {
            **trainer.state_dict(),
            "losses": self._losses.state_dict(),
            # "due" for tasks and "watchers" for observers are former words, kept for checkpoints that have them
            "due": [task.value for task in tasks],
            "best": self._best.found,
            "pictures": [(picture.name, _standing_of(picture.progress)) for picture in self._pictures],
            "watchers": self._callbacks.state_dict(),
        }
        about = {
            **self._position(),
            "best": self._best.found,
            "plugins": self._plugins,
            DECISIVE: self._options,
            "interrupted": interrupted,
            "finished": trainer.images >= trainer.ends[-1] and not tasks,
        }
        self._record.save(state, about, options.keep, self._best.images)
        self._saved_at = trainer.images

    def _restore(self, checkpoint: Checkpoint, events: bytes = b"") -> None:
        """Stand where `checkpoint` was written; metrics.jsonl keeps `events` beside what it held then."""
        state = checkpoint.state
        self._trainer.load_state_dict(state)
        self._losses.load_state_dict(state["losses"], self._parts.device)
        if self._submitted is not None:  # numbers of a future that is void
            self._collect()
        self._tasks, self._best.found = [Task(name) for name in state["due"]], state["best"]
        self._saved_at = self._trainer.images
        self._pictures = [
            Picture(name, self._record.samples / f"{name}.png", self._progress_at(*at))
            for name, at in state["pictures"]
        ]
        self._record.rewind(checkpoint.metrics + events)
        self._record.remove_snapshots(beyond=self._trainer.images)

    def _progress_at(self, images: int, total: int, stage: int, stages: int, resolution: int, alpha: float) -> Progress:
        """Where a run stood, of what `_standing_of` gave; stages added since change nothing of those before."""
        now = progress_in(self._trainer.stages, stage, images)
        return now._replace(total=total, stages=stages, resolution=resolution, alpha=alpha)

    def _answer_request(self) -> None:
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
        self._restore(
            checkpoint, events=b"".join(line for line in since.splitlines(keepends=True) if b'"note": ' in line)
        )
        self._trainer.attempt, self._trainer.rate = attempt, rate
        self._others.share_state(self._trainer)
        self._callbacks.load_state_dict(checkpoint.state["watchers"])
        self._callbacks.on_rollback(self.progress)
        self.log_event("rolled-back", attempt, request.reason)

    def _record_failure(self, reason: str) -> None:
        self._record.time("failed", reason=reason)

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

    def _time_stage(self, number: int) -> None:
        stage = self._trainer.stages[number - 1]
        about = {"stage": number, "resolution": stage.resolution} | ({"name": stage.name} if stage.name else {})
        images, watch = self._stage_began
        taken, images = watch.taken(), self._trainer.images - images
        self._record.time("stage", **about, images=images, **taken, images_per_second=images / taken["seconds"])


def _standing_of(progress: Progress) -> tuple[int | float, ...]:
    """What checkpoints hold of where a run stood: all but what follows of the stage from the others."""
    at = progress
    return at.images, at.total, at.stage, at.stages, at.resolution, at.alpha


class Means:
    """Means of what iterations return, as sums kept on the device, so that nothing waits for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Add one iteration's scalars."""
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def taken(self) -> dict[str, float]:
        """The means so far; starts afresh."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        """What was added and not yet taken."""
        return {"sums": self._sums, "counts": self._counts}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from `state`."""
        self._sums = {name: total.to(device, copy=True) for name, total in state["sums"].items()}
        self._counts = dict(state["counts"])
