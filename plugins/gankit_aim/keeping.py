"""The process in which the server of Aim's user interface begins, and which ends with all that it has started.

Aim's own command leaves processes behind when it is ended. So this one leads a process group, and kills it when the
process that asked for it says so or is no more, however it came to its end.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread
from time import sleep

PATIENCE = 2.0
"""Seconds that processes have to end by themselves."""


def main() -> None:
    """Serve until a file descriptor tells the end.

    Arguments: the file descriptor, and those of `aim up`.
    """
    signal.signal(signal.SIGTERM, lambda *_: None)  # it is sent to all of the group, which this process is to outlast
    Thread(target=_end_at_end_of, args=[int(sys.argv[1])], daemon=True).start()
    sys.argv[:] = ["aim", "up", *sys.argv[2:]]
    try:
        from aim.cli.cli import cli_entry_point

        cli_entry_point()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.killpg(0, signal.SIGKILL)


def _end_at_end_of(descriptor: int) -> None:
    """Wait until nobody can write to a pipe any more, then end the group."""
    os.read(descriptor, 1)
    os.killpg(0, signal.SIGTERM)
    sleep(PATIENCE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
