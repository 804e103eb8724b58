"""A run and a study, told to programs line by line as they go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gankit.cli.answers.base import RowAnswer
from gankit.cli.answers.training import ProgressLine, RolledBackLine, RowsLine, StartedLine, TrainingLine
from gankit.core.progress import Progress
from gankit.kinds.callbacks import Callback, Row, RunContext
from gankit.runs.pace import Pace

if TYPE_CHECKING:
    from torch import Tensor

PERIOD = 5.0
"""Least seconds between two lines of progress within a stage."""


class RunLines(Callback):
    """Tells where a run stands, what it measures and what happens in it."""

    def __init__(
        self, run: RunContext, say: Callable[[TrainingLine], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._pace = say, Pace(PERIOD, clock)
        self._speed: float | None = None
        about, at = run.experiment, run.progress
        say(
            StartedLine(
                folder=str(run.folder),
                name=about.name,
                variant=about.variant,
                seed=about.seed,
                images=at.images,
                total=at.total,
                stages=at.stages,
            )
        )

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Tell where it stands, if that was told long enough ago."""
        if self._pace.due(progress.images):
            self._tell(progress)

    def on_evaluation_start(self, progress: Progress) -> None:
        """Leave the evaluation out of the pace."""
        self._pace.pause()

    def on_rows(self, rows: list[Row]) -> None:
        """Tell what was measured, and what happened; losses stand in metrics.jsonl."""
        if told := [RowAnswer.of(row) for row in rows if row.protocol is not None or row.note is not None]:
            self._say(RowsLine(rows=told))

    def on_stage_end(self, progress: Progress) -> None:
        """Tell that the stage is over."""
        self._tell(progress)

    def on_rollback(self, progress: Progress) -> None:
        """Tell how far back it is."""
        self._pace.pause()
        self._say(RolledBackLine(images=progress.images))

    def _tell(self, at: Progress) -> None:
        self._speed = speed = self._pace.images_per_second or self._speed
        self._say(
            ProgressLine(
                images=at.images,
                total=at.total,
                stage=at.stage,
                stages=at.stages,
                resolution=at.resolution,
                name=at.name,
                alpha=at.alpha,
                images_per_second=speed,
                seconds_left=None if speed is None else max(0, at.total - at.images) / speed,
            )
        )
