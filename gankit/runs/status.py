"""What a run is doing: which process holds its folder, and how it ended."""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from gankit.checkpoints.integrity import found, manifest_if_whole
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.files import parse_json, read_regular
from gankit.runs.rows import METRICS, TIMES, read_events, read_rows

LOCK = ".lock"
HOLDER = ".holder.json"
PATIENCE = 0.2
"""Seconds to wait for whoever only looks whether a folder is held."""


class FolderTakenError(UserError):
    """Another process has a run's folder, or has made a run of it meanwhile."""


def is_held(folder: Path) -> bool:
    """Whether some process, perhaps of another machine, has a run's folder; looks without getting in anyone's way."""
    if not (folder / HOLDER).exists():
        return False
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written to
        return False


def wait_for(folder: Path) -> None:
    """Wait until no other process has a run's folder, saying once that this is what is waited for."""
    told = False
    while is_held(folder):
        if not told:
            warn(f"waiting for {held_by(folder)}, which has {folder}")
            told = True
        time.sleep(1)


def held_by(folder: Path) -> str:
    """Who has a folder, in words."""
    try:
        holder = parse_json(read_regular(folder / HOLDER))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it may be about to write it
        return "another process"


class RunLock:
    """Holds a run's folder for this process; the system frees it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            FolderTakenError: naming the process that has it.
            OSError: if the folder cannot be written to.
        """
        self._lock = FileLock(folder / LOCK, timeout=PATIENCE)
        self._holder = folder / HOLDER
        try:
            self._lock.acquire()
        except Timeout:
            raise FolderTakenError(f"{folder} is in use by {held_by(folder)}; wait for it, or end it") from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        self._holder.write_text(json.dumps(holder) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Let others have the folder."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()


class RunState(StrEnum):
    """What a run is doing, or how it ended."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """An error or an observer ended it."""
    CUT_SHORT = "cut short"
    """It was interrupted or killed, and can go on."""


def state_of(path: Path) -> RunState:
    """What has become of the run in `path`, as its lock, its newest checkpoint and its last event tell."""
    if is_held(path):
        return RunState.RUNNING
    last = last_event(path)
    if last == "finished" or _newest_is_finished(path / "checkpoints"):
        return RunState.FINISHED
    return RunState.FAILED if last == "failed" else RunState.CUT_SHORT


def failed_untrained(path: Path) -> bool:
    """Whether the run in `path` failed before it had anything to show or to go on from."""
    trained = any(manifest_if_whole(checkpoint).get("images", 1) for checkpoint in found(path / "checkpoints"))
    return not trained and not read_rows(path / METRICS) and state_of(path) is RunState.FAILED


def last_event(path: Path) -> str:
    """The name of what the run in `path` has told last, such as "finished"; empty if there is nothing."""
    return next((str(event["event"]) for event in reversed(read_events(path / TIMES))), "")


def _newest_is_finished(checkpoints: Path) -> bool:
    """Whether the newest checkpoint says that nothing is left to do; if it is damaged, the others are of before."""
    return any(manifest_if_whole(path).get("finished") for path in found(checkpoints)[-1:])
