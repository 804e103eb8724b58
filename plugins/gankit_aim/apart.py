"""Aim in a process of its own, in which it may wait for ever or die without harm to the run.

It does so when a disk is full: RocksDB, in which Aim keeps what is tracked, then waits for room.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from gankit import UserError
from gankit.core.failures import warn

PATIENCE = 60.0
"""Seconds without a sign of life after which Aim is given up."""


class Apart:
    """A process that does what it is asked for, one thing after the other."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            # -P: nothing in the current folder is imported; in a session of its own it gets no signals from a terminal
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gankit_aim.service", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._lost: str | None = None

    def ask(self, method: str, *arguments: Any) -> Any:
        """Have a method of `Showing` called; what it says meanwhile is reported.

        Raises:
            UserError: with what it raised, or if the process does not answer; then it is no more.
        """
        if self._lost is None:
            try:
                self._connection.send((method, arguments))
                while self._connection.poll(PATIENCE):
                    kind, answer = self._connection.recv()
                    if kind == "done":
                        return answer
                    if kind == "failed":
                        raise UserError(answer)
                    if kind == "said":
                        warn(answer)
                self._lost = f"Aim has shown no sign of life for {PATIENCE:.0f} seconds and was given up"
            except (EOFError, OSError):
                self._lost = "the process in which Aim runs has ended"
            self.end()
        raise UserError(self._lost)

    def end(self) -> None:
        """End the process, whatever it does."""
        self._connection.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # where a disk does not answer not even that ends it
            self._process.wait(timeout=5)
