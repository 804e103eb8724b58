"""An object in a process of its own, in which it may wait for ever or die without harm to whoever tells it things.

What shows runs elsewhere is so: it waits for disks that are full and for servers that do not answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from queue import Empty, Queue, SimpleQueue
from threading import Event, Thread, Timer
from typing import Any, NamedTuple

from gankit.core.errors import UserError
from gankit.core.failures import in_short
from gankit.core.processes import begin_process, pipe_to_parent

START = "from gankit.core.worker import obey; obey()"
PATIENCE = 60.0
"""Seconds without a sign of life after which an object is given up, unless its user waits for another time."""
MOST_WAITING = 1000
"""Calls that may wait for an object; one more waits itself until there is room."""
ALIVE = ""
"""Sent while a call goes on; at its end follows what it raised, or None."""
LAST_MOMENTS = 30.0
"""Seconds that an object has to close if the process that told it things was killed."""


class Telling(NamedTuple):
    """A call of a method."""

    method: str
    arguments: tuple[Any, ...]
    answered: Event
    """Set when it is over, or never will be."""


class Worker:
    """A process with one object, whose methods it calls one after the other.

    A thread hands the calls on, so that whoever trains waits for none of them.
    """

    def __init__(self, made_by: str, *arguments: Any, called: str, patience: float | None = None) -> None:
        """Start it.

        Args:
            made_by: The class of the object, as MODULE:CLASS, which is imported there and not here. Its objects have
                a method `close`, for when this process was killed.
            arguments: What it is made of, with `alive=` in addition: to be called again and again in what takes long.
            called: What messages call the object.
            patience: Seconds without a sign of life after which it is given up; None: PATIENCE.
        """
        self._called, self._patience = called, patience
        self._process, self._connection = begin_process(START, quiet=True)
        self._calls: Queue[Telling | None] = Queue(MOST_WAITING)
        self._failures: SimpleQueue[str] = SimpleQueue()
        self._lost: str | None = None
        self._thread = Thread(target=self._hand_on, args=[(made_by, arguments)], name=f"tells {called}", daemon=True)
        self._thread.start()

    def tell(self, method: str, *arguments: Any) -> None:
        """Have a method called after all those before, and do not wait for it.

        Raises:
            UserError: with what a call before raised, or if the process does not answer; then it is no more.
        """
        self._put(method, arguments)
        self._raise_failure()

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method after all those before, and wait for it.

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

    def _put(self, method: str, arguments: tuple[Any, ...]) -> Telling:
        call = Telling(method, arguments, Event())
        self._calls.put(call)
        return call

    def _raise_failure(self) -> None:
        with suppress(Empty):
            raise UserError(self._failures.get_nowait())

    def _hand_on(self, made_of: tuple[str, tuple[Any, ...]]) -> None:
        """Hand on calls, and note what they raise; once the process does not answer, note that at each."""
        with self._connection:
            with suppress(OSError):  # which the first call notices
                self._connection.send(made_of)
            while (call := self._calls.get()) is not None:
                failure = self._lost or self._answer(call.method, call.arguments)
                if failure is not None:
                    self._failures.put(failure)
                call.answered.set()

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> str | None:
        """What a call raised, in words."""
        try:
            self._connection.send((method, arguments))
            patience = PATIENCE if self._patience is None else self._patience
            while self._connection.poll(patience):
                if (reply := self._connection.recv()) != ALIVE:
                    return reply
            self._lost = f"{self._called} has shown no sign of life for {patience:.0f} seconds and was given up"
        except (EOFError, OSError):
            self._lost = f"the process in which {self._called} runs has ended"
        except Exception as failure:  # what a pipe cannot carry; else whoever waits for this would wait for ever
            return in_short(failure)
        self._process.kill()
        return self._lost


def imported(name: str) -> Any:
    """What MODULE:NAME names."""
    module, _, inside = name.partition(":")
    return getattr(import_module(module), inside)


def answer(made: Any, method: str, arguments: tuple[Any, ...]) -> str | None:
    """Call a method; what it raised, in words."""
    try:
        getattr(made, method)(*arguments)
    except Exception as failure:
        return in_short(failure)
    return None


def obey() -> None:
    """Answer until the process that asks is no more."""
    connection = pipe_to_parent()
    try:
        made_by, arguments = connection.recv()
        made = imported(made_by)(*arguments, alive=lambda: connection.send(ALIVE))
        try:
            while True:
                connection.send(answer(made, *connection.recv()))
        except (EOFError, OSError):  # it was killed
            last = Timer(LAST_MOMENTS, os._exit, [1])
            last.daemon = True
            last.start()
            made.close()
    finally:
        sys.stderr.flush()
        os._exit(0)  # threads of others would be waited for
