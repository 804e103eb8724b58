"""SIGINT and SIGTERM: a run leaves at the next moment at which its state is whole, all else at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from gankit.core.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 0.5
"""Seconds for Python to heed a second signal by itself, before the process is ended by a thread."""
LAST = b"\0"
"""Said to that thread where no more signals come; closing the pipe would not do, as forked processes hold it open."""


@contextmanager
def raising_signals() -> Iterator[None]:
    """Within this context both signals are raised as Interrupted, so that what is open is closed.

    They are also where SIGINT is ignored, as by jobs that a shell has put into the background.
    """

    def leave(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SignalGuard:
    """Within this context the first signal is kept until it is asked for; the second ends the process at once.

    In another thread than the main one Python delivers no signals, and nothing changes. In the main one it does between
    two of its own steps, of which a single operation of torch may be a long one, so a thread looks for the second.
    """

    def __init__(self, is_launched: bool = False) -> None:
        """Guard a process; one that `is_launched` gets its launcher's signal after a terminal's, and heeds no second.

        Its launcher kills it if it takes too long.
        """
        self._is_launched = is_launched
        self._received: int | None = None
        self._at_once = False
        self._before: dict[int, Any] = {}
        self._woken: tuple[int, int, threading.Thread] | None = None
        self._unsaid = [None]
        """Empty once it was said that the process leaves, by whoever was the first to know."""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
            if self._is_launched:
                return self
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            thread = threading.Thread(target=self._watch, args=[reader], daemon=True)
            self._woken = writer, signal.set_wakeup_fd(writer, warn_on_full_buffer=False), thread
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._woken is not None:
            writer, before, thread = self._woken
            signal.set_wakeup_fd(before)
            os.write(writer, LAST)
            thread.join()
            os.close(writer)

    def check(self) -> None:
        """Leave if a signal came.

        Raises:
            Interrupted: then.
        """
        if self._received is not None:
            raise Interrupted(self._received)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this context a signal does not wait, for work that can be thrown away.

        Raises:
            Interrupted: as soon as one comes.
        """
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received is not None and not self._is_launched:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        is_first = self._received is None
        self.note(number)
        if self._at_once and is_first:
            raise Interrupted(number)

    def note(self, number: int) -> None:
        """Keep a signal until it is asked for, that another process of the run was sent too; says so."""
        if self._received is not None:
            return
        self._received = number
        self._say(number)

    def _say(self, number: int) -> None:
        """Say once that the process leaves."""
        try:
            self._unsaid.pop()
        except IndexError:
            return
        name = signal.Signals(number).name
        # the handler may run inside a print, which must not be entered again
        os.write(2, f"\ngankit: {name}: saving a checkpoint, then leaving; once more leaves at once\n".encode())

    def _watch(self, reader: int) -> None:
        """Tell of the first signal, and end the process soon after a second, whatever the main thread waits for.

        The numbers of signals are read as they come, up to `LAST`.
        """
        received = 0
        with open(reader, "rb", buffering=0) as numbers:
            while (number := numbers.read(1)) != LAST:
                received += number[0] in SIGNALS
                if received == 1:
                    self._say(number[0])
                elif received > 1:
                    time.sleep(GRACE)
                    os._exit(128 + number[0])
