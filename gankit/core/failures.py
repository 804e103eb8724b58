"""Things that may fail without stopping a run: reported once, counted, and summed up at the end."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

from gankit.core.errors import ContractError, RunError, UserError
from gankit.core.renamed import one_line
from gankit.core.text import readable_lines

T = TypeVar("T")


class FailureCounter:
    """How one of them fares."""

    def __init__(self, what: str, consequence: str = "the run goes on") -> None:
        self.what, self.consequence = what, consequence
        self.calls = self.failures = 0

    def attempt(self, call: Callable[[], T], during: str) -> T | None:
        """What `call` gives, or None if it raises an exception; the first is reported as one of `during`.

        What ends the run passes through: RunError, Interrupted, KeyboardInterrupt.
        """
        self.calls += 1
        try:
            return call()
        except RunError:
            raise
        except Exception as failure:
            self.failures += 1
            if self.failures == 1:
                warn(f"{self.what} failed {during}: {in_short(failure)}; {self.consequence}")
        return None

    def sum_up(self) -> None:
        """Say how often it failed, if it did."""
        if self.failures:
            warn(f"{self.what} failed in {self.failures} of {self.calls} calls")


def warn(message: str) -> None:
    """Say something on standard error."""
    print(readable_lines(f"gankit: {message}"), file=sys.stderr, flush=True)


def in_short(failure: Exception) -> str:
    """What was raised, and where, on one line; of a message in words just that."""
    if isinstance(failure, UserError | RunError | ContractError):
        return str(failure)
    where = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{one_line(failure)} ({where.filename}:{where.lineno})"
