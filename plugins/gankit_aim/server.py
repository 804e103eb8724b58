"""The server of Aim's user interface, on loopback and no longer than it is asked for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from gankit.core.errors import RunError, UserError
from gankit_aim.bookmarks import Api
from gankit_aim.keeping import PATIENCE

HOST = "127.0.0.1"
START = 120.0
"""Seconds in which it answers."""
PERIOD = 0.1
"""Seconds between looks at it."""


class Server:
    """Serves a repository within this context; at its end no process is left, nor when this one is killed."""

    def __init__(self, repository: Path, port: int | None = None) -> None:
        """Prepare to serve.

        Args:
            repository: A folder called .aim.
            port: Where on loopback; None: where there is room.

        Raises:
            UserError: if the port cannot be had.
        """
        self._root = repository.absolute().parent
        self.port = _free_port(port)

    def __enter__(self) -> Self:
        self._output = TemporaryFile()
        serves_until, self._ends = os.pipe()  # the other end closes with this process, whatever happens to it
        arguments = ["--repo", str(self._root), "--host", HOST, "--port", str(self.port)]
        # -P: nothing in the current folder is imported; in a session of its own it gets no signals from a terminal
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gankit_aim.keeping", str(serves_until), *arguments],
            pass_fds=[serves_until],
            stdin=subprocess.DEVNULL,  # to what Aim may ask there is no answer
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(serves_until)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._ends)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2 * PATIENCE)
        with suppress(ProcessLookupError):  # it ends its group itself, if it was not killed
            for _ in range(20):  # what nobody buries stays in it
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.poll()
                time.sleep(PERIOD)

    def wait_until_ready(self) -> Api:
        """Wait until it answers.

        Raises:
            RunError: if it ends instead or takes too long; says what Aim said.
        """
        api, deadline = Api(self.port), time.monotonic() + START
        while time.monotonic() < deadline:
            self._check()
            with suppress(OSError, ValueError, KeyError):
                # on this port may answer somebody else
                if os.path.samefile(api.ask("GET", "/projects/")["path"], self._root):
                    return api
            time.sleep(PERIOD)
        raise RunError(f"Aim does not answer within {START:.0f} seconds{self._said()}")

    def wait(self) -> None:
        """Wait until it ends, which it does not by itself.

        Raises:
            RunError: then; says what Aim said.
        """
        self._process.wait()
        self._check()

    def _check(self) -> None:
        if self._process.poll() is not None:
            raise RunError(f"the server of Aim's user interface has ended{self._said()}")

    def _said(self) -> str:
        """What Aim has said, as the end of a message."""
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip()
        return f"; it said:\n{said}" if said else ""


def _free_port(port: int | None) -> int:
    """The port, or one that nobody has."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was served there a moment ago does not count
        try:
            probe.bind((HOST, port or 0))
        except (OSError, OverflowError) as problem:
            why = getattr(problem, "strerror", None) or problem
            raise UserError(f"--port {port}: {why} on {HOST}; without --port one that is free is chosen") from None
        return probe.getsockname()[1]
