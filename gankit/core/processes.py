"""Python processes of ours that are talked to by a pipe."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, cast


def begin_process(code: str, quiet: bool = False) -> tuple[subprocess.Popen[bytes], Connection[Any, Any]]:
    """Begin a process that runs `code`, which finds the pipe to us by `pipe_to_parent`; `quiet` hides what it prints.

    Nothing in the current folder is imported, and in a session of its own it gets no signals from a terminal.

    Returns:
        The process and our end of the pipe, whose use raises EOFError or OSError once the process is no more.
    """
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
            start_new_session=True,
        )
    return process, cast("Connection[Any, Any]", ours)  # Windows has another, but hands no files on to processes


def pipe_to_parent() -> Connection[Any, Any]:
    """The pipe to the process that began this one by `begin_process`; that one alone decides when this one leaves."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return Connection(int(sys.argv[1]))


@contextmanager
def sparing_children() -> Iterator[None]:
    """Within this context this thread, and processes and threads that it begins, hold back SIGINT and SIGTERM.

    A terminal sends a signal to all processes of a command, and one whose work is waited for should not die of it. Here
    it is handled as soon as another thread takes it, or else at the end of the context.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
