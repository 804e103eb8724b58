"""Progress on the console: as a live bar or as plain lines."""

from __future__ import annotations

import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from gankit import Callback, Progress
from gankit.evaluation.names import FLOOR
from gankit.kinds.callbacks import Row, RunContext
from gankit.results.protocols import other_count
from gankit.results.run_tables import column_names
from gankit.results.tables import significant
from gankit.runs.pace import Pace

if TYPE_CHECKING:
    from torch import Tensor


class Reporter(Callback):
    """What bar and lines have in common: pace, latest losses, metrics of the stage, and not speaking too often."""

    PERIOD: float
    """Least seconds from one report to the next."""

    def __init__(self, run: RunContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._pace = clock, Pace(self.PERIOD, clock)
        self._losses: dict[str, float] = {}
        self._metrics: dict[str, Row] = {}
        self._stage_began = (clock(), run.progress.images)

    @abstractmethod
    def say(self, line: str) -> None:
        """Print a line that stays."""

    @abstractmethod
    def report(self, progress: Progress, status: str) -> None:
        """Tell where the run stands."""

    def on_stage_start(self, progress: Progress) -> None:
        """Begin to measure the stage."""
        self._pace.pause()
        self._metrics = {}
        self._stage_began = (self._clock(), progress.images)

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Report if the last report is long enough ago."""
        if self._pace.due(progress.images):
            self.report(progress, status(progress, self._pace.images_per_second))

    def on_evaluation_start(self, progress: Progress) -> None:
        """Leave the evaluation out of the pace."""
        self._pace.pause()

    def on_rows(self, rows: list[Row]) -> None:
        """Keep the latest losses and metrics; say what happened."""
        self._losses |= {row.name.removeprefix("loss."): row.value for row in rows if row.name.startswith("loss.")}
        self._metrics |= {row.name: row for row in rows if row.protocol is not None}
        for row in rows:
            if row.note is not None:
                self.say(f"{row.name} at {row.images:,} images: {row.note}")

    def on_stage_end(self, progress: Progress) -> None:
        """Say what came of the stage."""
        began, before = self._stage_began
        images, seconds = progress.images - before, self._clock() - began
        facts = [f"{images:,} images in {duration(seconds)}", *metrics_in_words(self._metrics)]
        self.say(f"{progress.label}: {', '.join(facts)}")

    def losses_in_words(self) -> str:
        """The latest losses; empty before the first."""
        return "loss " + ", ".join(f"{name} {loss:.3g}" for name, loss in self._losses.items()) if self._losses else ""


class Lines(Reporter):
    """Plain lines, for files and terminals that only print."""

    PERIOD = 10.0

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=sys.stderr, flush=True)

    def report(self, progress: Progress, status: str) -> None:
        """Print where the run stands."""
        facts = [status, self.losses_in_words()]
        self.say(f"{progress.images:,} of {progress.total:,} images, {', '.join(fact for fact in facts if fact)}")


class Bar(Reporter):
    """A live bar with the latest losses under it; lines that stay are printed above it."""

    PERIOD = 0.25

    def __init__(self, run: RunContext, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(run, clock)
        self._bar = _LiveBar()
        progress = run.progress
        self._task = self._bar.add_task(_stage_in_words(progress), completed=progress.images, total=progress.total)
        self._bar.start()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(Text(line))

    def report(self, progress: Progress, status: str) -> None:
        """Move the bar."""
        self._bar.footer = self.losses_in_words()
        self._bar.update(self._task, description=status, completed=progress.images)

    def on_evaluation_start(self, progress: Progress) -> None:
        """Say why the bar stands still."""
        super().on_evaluation_start(progress)
        description = f"{_stage_in_words(progress)}, evaluating"
        self._bar.update(self._task, description=description, completed=progress.images)

    def on_finish(self) -> None:
        """Leave a full bar."""
        self._bar.update(self._task, description="finished")

    def on_close(self) -> None:
        """Give the terminal back."""
        self._bar.stop()


class _LiveBar(RichProgress):
    """Redrawn twice a second by a thread of its own, so that reports cost training next to nothing."""

    footer = ""

    def __init__(self) -> None:
        columns = (BarColumn(20), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
        super().__init__(*columns, console=Console(stderr=True), refresh_per_second=2)

    def stop(self) -> None:
        """Draw it for the last time; rich itself does not wait for the end of its thread."""
        thread = getattr(self.live, "_refresh_thread", None)
        super().stop()
        if thread is not None:
            thread.join()

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar and what stands under it."""
        yield from super().get_renderables()
        if self.footer:
            yield Text(self.footer, style="dim", no_wrap=True, overflow="ellipsis")


def status(progress: Progress, images_per_second: float) -> str:
    """Where a run stands, in words."""
    facts = [_stage_in_words(progress)]
    if progress.alpha < 1:
        facts.append(f"alpha {progress.alpha:.2f}")
    if images_per_second > 0:
        facts.append(f"{significant(images_per_second)} images/s")
        left = max(0, progress.total - progress.images)  # the last batch may go beyond
        facts.append(f"{duration(left / images_per_second)} left")
    return ", ".join(facts)


def metrics_in_words(metrics: Mapping[str, Row]) -> list[str]:
    """Each metric with its noise floor in brackets."""
    return [
        f"{name} {significant(metrics[name].value)}"
        + (_floor_in_words(metrics[name + FLOOR], metrics[name]) if name + FLOOR in metrics else "")
        for name in column_names(metrics)
        if name.removesuffix(FLOOR) not in metrics or not name.endswith(FLOOR)
    ]


def _floor_in_words(floor: Row, number: Row) -> str:
    return f" (floor {significant(floor.value)}{other_count(floor.protocol or {}, number.protocol or {})})"


def duration(seconds: float) -> str:
    """A time as 45 s, 12:05 or 3:12:05."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _stage_in_words(progress: Progress) -> str:
    return f"{progress.label} (stage {progress.stage} of {progress.stages})"
