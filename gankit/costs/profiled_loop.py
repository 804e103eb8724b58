"""A run that is profiled: some iterations of each fade and of what follows it; the others run as usual."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext

from gankit.core.failures import FailureCounter
from gankit.core.progress import Progress, progress_at
from gankit.costs.parts import WatchedPart
from gankit.costs.phases import iteration_kinds
from gankit.costs.profile import KindProfile, PhaseProfile, ProfiledIteration
from gankit.costs.profile_table import profile_as_json, profile_report
from gankit.costs.profiling import Profiling
from gankit.costs.table import time_in_words
from gankit.costs.timer import Timer
from gankit.costs.watching import Place, calls_watched, watched
from gankit.results.tables import as_terminal
from gankit.runs.loop import Task, TrainingLoop
from gankit.training.parameters import named_regularizers

WARM_UP = 2
"""Iterations of a fade, or of what follows it, before any is profiled."""
PROFILED = 6
"""Iterations of a fade, or of what follows it, that are profiled if all are alike."""
OF_A_KIND = 3
"""Iterations of each kind that are profiled if lazy regularizers make several kinds."""
TEXT, LINES, TRACES = "profile.txt", "profile.jsonl", "profile"
"""Tables, the same as JSON and the folder of the traces, in the run's."""
MOMENTS = ("on_update", "on_rows", "on_picture")
"""What observers are told within an iteration."""


class ProfiledLoop(TrainingLoop):
    """A training loop that tells at the end of each stage where the time of an iteration went.

    The run is the same to the bit. Beside metrics.jsonl there are profile.txt, profile.jsonl and, in profile/, a trace
    of one iteration of each kind, for Perfetto or Chrome.
    """

    _phase: tuple[int, bool] | None = None
    _profile: PhaseProfile

    def train(self) -> None:
        """Train as any loop does; what was profiled and not yet told is told at last."""
        self._profiles: list[PhaseProfile] = []
        self._is_profiled: dict[str, bool] = {}  # by labels: a stage's first iteration is still the one before's
        self._tasks_took: dict[Task, float] = {}
        self._writing = FailureCounter("the profile")
        self._timer = Timer(self._parts.device)
        try:
            super().train()
        finally:
            self._tell(self.progress)
            if short := [label for label, is_profiled in self._is_profiled.items() if not is_profiled]:
                print(
                    f"gankit: no profile of {', '.join(short)}: too few iterations, for the first {WARM_UP} "
                    "of a fade and of what follows it are never profiled",
                    file=sys.stderr,
                )

    def _iterate(self) -> None:
        now = progress_at(self._trainer.stages, self._trainer.images)
        if now.phase != self._phase:
            self._begin(now)
        mine = self._profile
        kind = self._kind_of_next(mine)
        enough = PROFILED if len(mine.kinds) == 1 else OF_A_KIND
        if mine.iterations <= WARM_UP or kind is None or len(kind.iterations) >= enough:
            times = kind.others if kind is not None and mine.iterations > WARM_UP else None
            with nullcontext() if times is None else self._timer.timing(times):
                super()._iterate()
            return
        profiling = Profiling(self._parts.device)
        with watched(self._trainer, profiling), calls_watched(list(self._places()), profiling), profiling.whole():
            super()._iterate()
        kind.iterations.append(ProfiledIteration(profiling.seconds, profiling.spent()))
        if len(kind.iterations) == 1:
            self._writing.attempt(lambda: self._write_trace(profiling, mine, kind), "to be written")

    def _begin(self, now: Progress) -> None:
        """Profile another phase from here on."""
        self._phase = now.phase
        kinds = [KindProfile(kind) for kind in iteration_kinds(self.experiment.regularizers)]
        self._profile = PhaseProfile(f"{now.label}{' fading' if now.alpha < 1 else ''}", kinds)
        self._profiles.append(self._profile)

    def _kind_of_next(self, profile: PhaseProfile) -> KindProfile | None:
        """The kind of the iteration that comes, which this counts; None for one too rare to be a kind."""
        profile.iterations += 1
        number, every = self._trainer.iterations, [each.every for each in self.experiment.regularizers]
        due = [number % interval == 0 for interval in every]
        alike = [each for each in profile.kinds if [each.kind.first % interval == 0 for interval in every] == due]
        return alike[0] if alike else None  # those that come less than once in very many iterations are no kind

    def _places(self) -> Iterator[Place]:
        """What an iteration calls beside the trainer."""
        for label, callback in self._callbacks.by_label.items():
            for method in MOMENTS:
                yield callback, method, WatchedPart("observer", label.rpartition("/")[2])
        yield self._record, "record", WatchedPart("record", "metrics.jsonl")
        for method in ("add", "taken"):
            yield self._losses, method, WatchedPart("record", "means")

    def _perform(self, task: Task) -> None:
        began = time.perf_counter()
        super()._perform(task)
        self._tasks_took[task] = self._tasks_took.get(task, 0.0) + time.perf_counter() - began
        if task is Task.END_STAGE:
            self._tell(self.progress)

    def _tell(self, now: Progress) -> None:
        """Print and write what was profiled since this was done last."""
        self._timer.read()
        on_gpu = self._parts.device.type == "cuda"
        told = [profile for profile in self._profiles if profile.profiled]
        for each in self._profiles:
            self._is_profiled[each.label] = self._is_profiled.get(each.label, False) or each.profiled > 0
        tasks, self._profiles, self._tasks_took, self._phase = self._tasks_took, [], {}, None
        if not told:
            return
        beside = ", ".join(
            f"{task.value} {time_in_words(seconds)}" for task, seconds in tasks.items() if seconds >= 0.001
        )
        reports = [profile_report(profile, on_gpu) for profile in told]
        text = "\n".join(f"{report.title}\n\n{as_terminal(report)}" for report in reports)
        text += f"\nbetween iterations: {beside}\n" if beside else ""
        print(text, file=sys.stderr, flush=True)
        lines = [
            profile_as_json(
                profile, on_gpu, stage=now.stage, tasks={task.value: seconds for task, seconds in tasks.items()}
            )
            for profile in told
        ]
        self._writing.attempt(lambda: self._append(TEXT, f"{text}\n"), "to be written")
        self._writing.attempt(
            lambda: self._append(LINES, "".join(f"{json.dumps(line)}\n" for line in lines)), "to be written"
        )

    def _append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def _write_trace(self, profiling: Profiling, profile: PhaseProfile, kind: KindProfile) -> None:
        """The trace of an iteration of a kind."""
        lazy = [(name, each) for name, each in named_regularizers(self.experiment.regularizers) if each.every > 1]
        due = "-and-".join(name for name, each in lazy if kind.kind.first % each.every == 0)
        which = f"-with-{due}" if due else ""
        folder = self.folder / TRACES
        folder.mkdir(exist_ok=True)
        profiling.write_trace(folder / f"{profile.label.replace(' ', '-')}{which}.trace.json.gz")
