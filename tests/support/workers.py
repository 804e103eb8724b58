"""The process of a tracker, found among those that a test has begun, and what does without one."""

from __future__ import annotations

import time
from typing import Any

import psutil
from support.driven import DrivenRun

from gankit import UserError
from gankit.core import worker
from gankit.results.tracking import Tracker

PATIENCE = 30.0
"""Seconds that a process has to become what it is to be: just forked it is called as the one that begins it."""


def working_process() -> psutil.Process:
    """The only child that obeys as a worker; fails if there is none, or several."""
    last = time.monotonic() + PATIENCE
    while not (found := [each for each in psutil.Process().children() if worker.START in each.cmdline()]):
        assert time.monotonic() < last, "no worker has begun"
        time.sleep(0.01)
    (process,) = found
    return process


def caught_up(run: DrivenRun) -> worker.Worker:
    """What tells the only tracker of a run, once that has done all that it was told; so nobody waits for it."""
    (tracker,) = [each for each in run.callbacks.by_label.values() if isinstance(each, Tracker)]  # pyright: ignore
    assert tracker._worker is not None
    tracker._worker.call("record", [])
    return tracker._worker


class Here:
    """What `Worker` is, in the process of the test, for starting others takes seconds."""

    def __init__(self, made_by: str, *arguments: Any, called: str, patience: float | None = None) -> None:
        self._mirror = worker.imported(made_by)(*arguments)

    def call(self, method: str, *arguments: Any) -> None:
        if failure := worker.answer(self._mirror, method, arguments):
            raise UserError(failure)

    tell = call

    def end(self) -> None:
        pass
