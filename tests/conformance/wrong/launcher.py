"""Launchers that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator, Sequence
from typing import Any

from gankit import Component, Job, Launcher, hookimpl


def begun(job: Job, **changes: Any) -> subprocess.Popen[bytes]:
    """The process of a job."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        outputs: dict[str, Any] = {"stdout": log, "stderr": subprocess.STDOUT} | changes
        return subprocess.Popen[bytes](list(job.command), start_new_session=True, **outputs)


class Right(Launcher):
    """One after the other, on which the others go wrong."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs."""
        for job in jobs:
            process = self.begin(job)
            try:
                yield job, self.status(process)
            finally:
                self.end(process)

    def begin(self, job: Job) -> subprocess.Popen[bytes]:
        """Begin a job."""
        return begun(job)

    def status(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for its end."""
        return process.wait()

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Let it save and leave."""
        process.terminate()
        process.wait()


class AllIsWell(Right):
    """Does not look at how jobs end."""

    def status(self, process: subprocess.Popen[bytes]) -> int:
        """Always 0."""
        process.wait()
        return 0


class StopsAtTheFirst(Right):
    """Gives up when a job fails."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out jobs up to the first that fails."""
        for job, status in super().launch(jobs):
            yield job, status
            if status:
                return


class ByTheShell(Right):
    """Gives the status that a shell makes of a signal."""

    def status(self, process: subprocess.Popen[bytes]) -> int:
        """128 and the signal's number."""
        status = process.wait()
        return 128 - status if status < 0 else status


class NewLog(Right):
    """Begins the log afresh."""

    def begin(self, job: Job) -> subprocess.Popen[bytes]:
        """Begin a job."""
        job.log.unlink(missing_ok=True)
        return begun(job)


class NoErrors(Right):
    """Leaves out what jobs say on standard error."""

    def begin(self, job: Job) -> subprocess.Popen[bytes]:
        """Begin a job."""
        return begun(job, stderr=subprocess.DEVNULL)


class Abandons(Right):
    """Leaves jobs to themselves."""

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Go."""


class Kills(Right):
    """Gives jobs no time to save."""

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """At once."""
        process.kill()
        process.wait()


class DoesNotWait(Right):
    """Asks jobs to leave, and leaves before them."""

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ask."""
        process.terminate()


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("carries-out-every-job", AllIsWell)
    register("carries-out-every-job.2", StopsAtTheFirst)
    register("carries-out-every-job.3", ByTheShell)
    register("keeps-logs", NewLog)
    register("keeps-logs.2", NoErrors)
    register("leaves-when-interrupted", Abandons)
    register("leaves-when-interrupted.2", Kills)
    register("leaves-when-interrupted.3", DoesNotWait)
