"""The process of a tracker, found among those that a test has begun."""

from __future__ import annotations

import time

import psutil

from gankit.core import worker

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
