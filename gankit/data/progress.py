"""How far a long preparation is, for whoever waits for it."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from gankit.core.failures import warn

QUIET = 1.0
"""Seconds in which nothing is said: what is over by then is not worth a word."""
BETWEEN = 10.0
"""Seconds between lines where there is no terminal."""
SAVED = 2.0
"""Seconds between two moments worth saving."""


class PreparationProgress:
    """A bar on a terminal, a line now and then elsewhere, on standard error."""

    def __init__(self, what: str, total: int) -> None:
        """Say nothing yet.

        Args:
            what: What is being done, such as "preparing 20,000 images of 32x32 pixels".
            total: How many images there are.
        """
        self._what, self._total = what, total
        self._began = self._said = self._saved = time.monotonic()
        self._first: int | None = None
        self._bar = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def moved_to(self, done: int) -> bool:
        """Say so; returns whether it is time to save what was done."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if now - self._began > QUIET and done < self._total:
            self._show(done, now)
        if now - self._saved < SAVED:
            return False
        self._saved = now
        return True

    def _show(self, done: int, now: float) -> None:
        if sys.stderr.isatty():
            if self._bar is None:
                from rich.console import Console
                from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

                columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
                self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
                self._bar.add_task(self._what, total=self._total, completed=done)
                self._bar.start()
            self._bar.update(self._bar.task_ids[0], completed=done)
        elif now - self._said > BETWEEN or self._said == self._began:
            self._said = now
            warn(f"{self._what}: {done:,} done ({done / self._total:.0%})")
