"""Aim in a process of its own, in which it may wait for ever or die without harm to the run.

It does so when a disk is full: RocksDB, in which Aim keeps what is tracked, then waits for room.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Timer
from typing import TYPE_CHECKING, Any

from gankit import UserError
from gankit.core.failures import in_short

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
        self._connection, theirs = Pipe()
        with theirs:
            # -P: nothing in the current folder is imported; in a session of its own it gets no signals from a terminal
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
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
    """Answer until the process that asks is no more; argument: the file descriptor of the connection to it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the run decides when it leaves
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
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
