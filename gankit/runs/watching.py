"""How a run tells its observers, whatever they do."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.errors import UserError
from gankit.observing import Progress, Row, Run, Watcher
from gankit.registry import registries

if TYPE_CHECKING:
    from gankit.kinds import Observer


@dataclass
class _Tally:
    """One watcher and how it fares."""

    name: str
    watcher: Watcher
    calls: int = 0
    failures: int = 0

    def tell(self, moment: str, *facts: object) -> None:
        """Call the watcher; count what it raises and report the first."""
        self.calls += 1
        try:
            getattr(self.watcher, moment)(*facts)
        except Exception as failure:
            self.failures += 1
            if self.failures == 1:
                _report(f"observer {self.name} failed in {moment!r}: {_in_short(failure)}; the run goes on")


class Watchers(Watcher):
    """Tells every observer of a run; what one raises is reported once, counted, and does not stop the run.

    Interrupts (KeyboardInterrupt, SystemExit) pass through.
    """

    def __init__(self, observers: Sequence[Observer], run: Run) -> None:
        self._tallies: list[_Tally] = []
        for observer in observers:
            name = registries[observer.kind].entry_of(type(observer)).full_name
            try:
                self._tallies.append(_Tally(name, observer.watch(run)))
            except Exception as failure:
                _report(f"observer {name} cannot watch this run: {_in_short(failure)}; the run goes on without it")

    def stage_started(self, progress: Progress) -> None:
        """Tell all that a resolution begins."""
        self._tell("stage_started", progress)

    def updated(self, progress: Progress) -> None:
        """Tell all that the networks were updated."""
        self._tell("updated", progress)

    def evaluating(self, progress: Progress) -> None:
        """Tell all that an evaluation begins."""
        self._tell("evaluating", progress)

    def recorded(self, rows: list[Row]) -> None:
        """Tell all what was written to metrics.jsonl."""
        self._tell("recorded", rows)

    def shown(self, name: str, path: Path, progress: Progress) -> None:
        """Tell all that a picture was saved."""
        self._tell("shown", name, path, progress)

    def stage_ended(self, progress: Progress) -> None:
        """Tell all that a resolution has been trained and evaluated."""
        self._tell("stage_ended", progress)

    def finished(self) -> None:
        """Tell all that the run is complete."""
        self._tell("finished")

    def closed(self) -> None:
        """Tell all that the run is over, then say how often each observer failed."""
        self._tell("closed")
        for tally in self._tallies:
            if tally.failures:
                _report(f"observer {tally.name} failed in {tally.failures} of {tally.calls} calls")

    def _tell(self, moment: str, *facts: object) -> None:
        for tally in self._tallies:
            tally.tell(moment, *facts)


def _report(message: str) -> None:
    print(f"gankit: {message}", file=sys.stderr, flush=True)


def _in_short(failure: Exception) -> str:
    """What was raised, and where, on one line; of a message meant for the user just that."""
    if isinstance(failure, UserError):
        return str(failure)
    where = traceback.extract_tb(failure.__traceback__)[-1]
    message = " ".join(str(failure).split())
    return f"{type(failure).__name__}: {message} ({where.filename}:{where.lineno})"
