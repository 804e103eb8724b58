"""Aim in a process of its own, in which it may wait for ever or die without harm to the run.

It does so when a disk is full: RocksDB, in which Aim keeps what is tracked, then waits for room.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from threading import Timer
from typing import TYPE_CHECKING, Any

from gankit import UserError
from gankit.core.failures import in_short
from gankit.core.processes import begin_process, pipe_to_parent

if TYPE_CHECKING:
    from gankit_aim.mirror import Mirror

START = "from gankit_aim.worker import main; main()"
PATIENCE = 60.0
"""Seconds without a sign of life after which Aim is given up."""
ALIVE = ""
"""Sent while a call goes on; at its end follows what it raised, or None."""
LAST_MOMENTS = 30.0
"""Seconds to close an Aim run whose run was killed."""


class Worker:
    """A process with a `Mirror`, whose methods it calls one after the other."""

    def __init__(self, *arguments: Any) -> None:
        """Start it with a `Mirror` of these arguments."""
        self._process, self._connection = begin_process(START, quiet=True)
        self._lost: str | None = None
        self._connection.send(arguments)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of `Mirror`.

        Raises:
            UserError: with what it raised, or if the process does not answer; then it is no more.
        """
        if self._lost is None:
            try:
                self._connection.send((method, arguments))
                while self._connection.poll(PATIENCE):
                    if (reply := self._connection.recv()) != ALIVE:
                        if reply is not None:
                            raise UserError(reply)
                        return
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


def answer(mirror: Mirror, method: str, arguments: tuple[Any, ...]) -> str | None:
    """Call a method; what it raised, in words."""
    try:
        getattr(mirror, method)(*arguments)
    except Exception as failure:
        return in_short(failure)
    return None


def main() -> None:
    """Answer until the process that asks is no more."""
    connection = pipe_to_parent()
    try:
        from gankit_aim.mirror import Mirror

        mirror = Mirror(*connection.recv(), alive=lambda: connection.send(ALIVE))
        try:
            while True:
                connection.send(answer(mirror, *connection.recv()))
        except (EOFError, OSError):  # it was killed
            last = Timer(LAST_MOMENTS, os._exit, [1])
            last.daemon = True
            last.start()
            mirror.close()
    finally:
        sys.stderr.flush()
        os._exit(0)  # Aim would wait for what cannot be closed
