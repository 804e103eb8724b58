"""A job as another host carries it out, which must see the same files under the same paths."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from gankit import Job

LEFT = frozenset(status for number in (signal.SIGINT, signal.SIGTERM) for status in (128 + number, -number))
"""Exit statuses of a run that was asked to leave before it was done."""


class NotSharedError(Exception):
    """A host does not see a file that it needs."""


class Elsewhere(NamedTuple):
    """What a host needs to know about a job."""

    job: Job
    folder: Path
    """The current folder of whoever launches it."""
    environment: Mapping[str, str]
    """What is added to the environment of that host."""

    @classmethod
    def of(cls, job: Job, threads: int) -> Self:
        """The job as it is to be carried out with so many threads, its log begun."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.touch()
        ours = {name: value for name, value in os.environ.items() if name.startswith("GANKIT_")}
        return cls(job, Path.cwd(), ours | {"OMP_NUM_THREADS": str(threads)})

    def begin(self, before: Sequence[str] = (), apart: bool = False) -> subprocess.Popen[bytes]:
        """Begin it on this host.

        Args:
            before: What stands before its command, such as `nice`.
            apart: Whether it has a session of its own, so that signals to this process's group do not reach it.

        Raises:
            NotSharedError: if this host does not see the job's log, which is in the study's folder, the folder or the
                command.
        """
        log = self.folder / self.job.log
        for path in (self.folder, log, Path(self.job.command[0])):
            if not path.exists():
                raise NotSharedError(
                    f"host {socket.gethostname()} does not see {path}: the study's folder, the folder that gankit was "
                    "called in and the Python environment must be there under the same paths on all hosts"
                )
        with log.open("ab") as output:
            return subprocess.Popen(
                [*before, *self.job.command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=apart,
            )

    def note(self, message: str) -> None:
        """Append a line to what the job has printed."""
        with (self.folder / self.job.log).open("a", encoding="utf-8") as log:
            log.write(f"gankit: {message}\n")
