"""Aim in a process of its own, in which it may wait for ever or die without harm to the run.

It does so when a disk is full: RocksDB, in which Aim keeps what is tracked, then waits for room.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from queue import Empty, Queue, SimpleQueue
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit import UserError
from gankit.core.failures import in_short
from gankit.core.processes import begin_process, pipe_to_parent

if TYPE_CHECKING:
    from gankit_aim.mirror import Mirror

START = "from gankit_aim.worker import main; main()"
PATIENCE = 60.0
"""Seconds without a sign of life after which Aim is given up."""
MOST_WAITING = 1000
"""Calls that may wait for Aim; one more waits itself until there is room."""
ALIVE = ""
"""Sent while a call goes on; at its end follows what it raised, or None."""
LAST_MOMENTS = 30.0
"""Seconds to close an Aim run whose run was killed."""


class Call(NamedTuple):
    """A call of a method of `Mirror`."""

    method: str
    arguments: tuple[Any, ...]
    answered: Event
    """Set when it is over, or never will be."""


class Worker:
    """A process with a `Mirror`, whose methods it calls one after the other.

    A thread hands the calls on, so that whoever trains waits for none of Aim's writes.
    """

    def __init__(self, *arguments: Any) -> None:
        """Start it with a `Mirror` of these arguments."""
        self._process, self._connection = begin_process(START, quiet=True)
        self._calls: Queue[Call | None] = Queue(MOST_WAITING)
        self._failures: SimpleQueue[str] = SimpleQueue()
        self._lost: str | None = None
        self._thread = Thread(target=self._hand_on, args=[arguments], name="aim", daemon=True)
        self._thread.start()

    def tell(self, method: str, *arguments: Any) -> None:
        """Have a method of `Mirror` called after all those before, and do not wait for it.

        Raises:
            UserError: with what a call before raised, or if the process does not answer; then it is no more.
        """
        self._put(method, arguments)
        self._raise_failure()

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of `Mirror` after all those before, and wait for it.

        Raises:
            UserError: with what it or one before raised, or if the process does not answer; then it is no more.
        """
        self._put(method, arguments).answered.wait()
        self._raise_failure()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._calls.put(None)
        self._thread.join(timeout=5)
        with suppress(subprocess.TimeoutExpired):  # where a disk does not answer not even that ends it
            self._process.wait(timeout=5)

    def _put(self, method: str, arguments: tuple[Any, ...]) -> Call:
        call = Call(method, arguments, Event())
        self._calls.put(call)
        return call

    def _raise_failure(self) -> None:
        with suppress(Empty):
            raise UserError(self._failures.get_nowait())

    def _hand_on(self, arguments: tuple[Any, ...]) -> None:
        """Hand on calls, and note what they raise; once the process does not answer, note that at each."""
        with self._connection:
            with suppress(OSError):  # which the first call notices
                self._connection.send(arguments)
            while (call := self._calls.get()) is not None:
                failure = self._lost or self._answer(call.method, call.arguments)
                if failure is not None:
                    self._failures.put(failure)
                call.answered.set()

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> str | None:
        """What a call raised, in words."""
        try:
            self._connection.send((method, arguments))
            while self._connection.poll(PATIENCE):
                if (reply := self._connection.recv()) != ALIVE:
                    return reply
            self._lost = f"Aim has shown no sign of life for {PATIENCE:.0f} seconds and was given up"
        except (EOFError, OSError):
            self._lost = "the process in which Aim runs has ended"
        except Exception as failure:  # what a pipe cannot carry; else whoever waits for this would wait for ever
            return in_short(failure)
        self._process.kill()
        return self._lost


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
