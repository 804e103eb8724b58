"""What has become of a run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from gankit.results.reading import read_events
from gankit.runs.lock import is_held
from gankit.runs.record import TIMES
from gankit.training.manifests import about, found


class State(StrEnum):
    """What a run is doing, or how it ended."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """An error or an observer ended it."""
    CUT_SHORT = "cut short"
    """It was interrupted or killed, and can go on."""


def state_of(path: Path) -> State:
    """What has become of the run in `path`, as its lock, its newest checkpoint and its last event tell."""
    if is_held(path):
        return State.RUNNING
    events = [str(event["event"]) for event in read_events(path / TIMES)]
    last = events[-1] if events else ""
    if last == "finished" or _newest_is_finished(path / "checkpoints"):
        return State.FINISHED
    return State.FAILED if last == "failed" else State.CUT_SHORT


def _newest_is_finished(checkpoints: Path) -> bool:
    """Whether the newest checkpoint says that nothing is left to do; if it is damaged, the others are of before."""
    return any(about(path).get("finished") for path in found(checkpoints)[-1:])
