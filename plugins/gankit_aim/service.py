"""The process in which Aim runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Timer
from typing import Any

from gankit.core.failures import in_short
from gankit_aim.showing import Showing

LAST_MOMENTS = 30.0
"""Seconds to close an Aim run whose run is no more."""


class Service:
    """Calls the methods of `Showing` by their names."""

    def __init__(self, send: Callable[[tuple[str, Any]], None]) -> None:
        self._send = send
        self._showing: Showing | None = None

    def answer(self, method: str, arguments: tuple[Any, ...]) -> None:
        """Send what comes of a method: "done" with its result or "failed" with a description.

        Meanwhile may be sent: "said" with a message for the user, and "busy".
        """
        try:
            if method == "begin":
                self._showing, result = Showing(self._send, *arguments), None
            else:
                result = getattr(self._showing, method)(*arguments)
        except Exception as failure:
            self._send(("failed", in_short(failure)))
        else:
            self._send(("done", result))

    def close(self) -> None:
        """Close what is open."""
        if self._showing is not None:
            self._showing.close()


def main() -> None:
    """Answer until the process that asks is no more; argument: the file descriptor of the connection to it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the run decides when it leaves
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    service = Service(connection.send)
    try:
        while True:
            service.answer(*connection.recv())
    except (EOFError, OSError):  # it was killed
        last = Timer(LAST_MOMENTS, os._exit, [1])
        last.daemon = True
        last.start()
        service.close()
    finally:
        os._exit(0)  # Aim would wait for what cannot be closed


if __name__ == "__main__":
    main()
