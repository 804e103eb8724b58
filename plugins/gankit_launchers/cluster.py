"""What launchers on clusters share: jobs that other hosts carry out, which go on elsewhere when they are lost.

All hosts must see the same files under the same paths.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from gankit import Job

LEFT = frozenset(status for number in (signal.SIGINT, signal.SIGTERM) for status in (128 + number, -number))
"""Exit statuses of a run that was asked to leave before it was done."""
PATIENCE = 300.0
"""Seconds that runs have to save and leave when the study is interrupted."""
PERIOD = 0.1
"""Seconds between looks at whether a process has ended."""


class NotSharedError(Exception):
    """A host does not see a file that it needs."""


class RemoteJob(NamedTuple):
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


class Outcome(NamedTuple):
    """How a task has ended."""

    status: int
    """The job's exit status; negative: the signal that killed it."""
    loss: str | None = None
    """What has become of the task if the job has not ended by itself, so that it is to go on."""


class Cluster(ABC):
    """Hosts that carry out jobs as tasks; what a task is, each kind of cluster knows."""

    again: ClassVar[str] = "goes on elsewhere"
    """What a job does whose task was lost."""

    @abstractmethod
    def submit(self, job: RemoteJob) -> Any:
        """Have a job carried out by a new task.

        Raises:
            UserError: if the cluster refuses it.
        """

    @abstractmethod
    def ended(self, tasks: Collection[Any]) -> Collection[Any]:
        """Those that have ended; waits for one, or at least a moment."""

    @abstractmethod
    def outcome(self, task: Any, job: RemoteJob) -> Outcome:
        """How a task has ended; what the job could not say itself is noted in its log."""

    @abstractmethod
    def cancel(self, tasks: Collection[Any]) -> None:
        """Let jobs save and leave, and wait for that."""

    def carry_out(self, jobs: Sequence[Job], threads: int, retries: int) -> Generator[tuple[Job, int]]:
        """Carry out all jobs, each with so many threads; yields each as it ends.

        After its task was lost a job goes on, at most `retries` times.

        Raises:
            UserError: if the cluster refuses one.
        """
        under_way: dict[Any, tuple[RemoteJob, int]] = {}
        try:
            for job in jobs:
                remote = RemoteJob.of(job, threads)
                under_way[self.submit(remote)] = remote, 0
            while under_way:
                for task in self.ended(under_way):
                    remote, losses = under_way.pop(task)
                    status, loss = self.outcome(task, remote)
                    if loss is not None and losses < retries:
                        remote.note(f"{loss}; {self.again} from its last checkpoint")
                        under_way[self.submit(remote)] = remote, losses + 1
                        continue
                    if loss is not None:
                        remote.note(f"{loss}; gave up after {retries} retries")
                    yield remote.job, status
        finally:
            self.cancel(under_way)


def exit_status(process: subprocess.Popen[bytes]) -> int:
    """Wait for a child, which saves and leaves first if the wait is interrupted.

    Returns:
        Its exit status; negative: the signal that killed it.
    """
    try:
        while process.poll() is None:  # interrupts of Ray do not reach a blocking call
            time.sleep(PERIOD)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process.returncode
