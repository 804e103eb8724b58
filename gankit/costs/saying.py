"""What is going on, for whoever waits for it."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from gankit.core.failures import warn

QUIET = 2.0
"""Seconds in which nothing is said where there is no terminal."""
BETWEEN = 10.0
"""Seconds between lines there."""


class Saying:
    """A line on a terminal that changes, or one now and then elsewhere, on standard error."""

    def __init__(self, what: str) -> None:
        """Say nothing yet of `what`."""
        self._what, self._next, self._status = what, time.monotonic() + QUIET, None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Remove the line."""
        if self._status is not None:
            self._status.stop()

    def say(self, doing: str) -> None:
        """Say what is being done from now on."""
        if sys.stderr.isatty():
            if self._status is None:
                from rich.console import Console

                self._status = Console(stderr=True).status(f"{self._what}: {doing}")
                self._status.start()
            self._status.update(f"{self._what}: {doing}")
        elif time.monotonic() > self._next:
            self._next = time.monotonic() + BETWEEN
            warn(f"{self._what}: {doing}")
