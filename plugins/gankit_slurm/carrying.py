"""What a job of Slurm does on its host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from gankit_launchers.elsewhere import LEFT, Elsewhere

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingImports]


class Carrying:
    """Carries out a run as a child process; submitit calls it, and `checkpoint` when the time is nearly up."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self.elsewhere = elsewhere
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Begin the run or go on with it.

        Returns:
            Its exit status; negative: the signal that killed it.

        Raises:
            NotSharedError: if this host does not see the study.
            SystemExit: if the run was asked to leave. Slurm has done that, which signals all processes of a job, and
                knows whether the job is to be requeued; so nothing may be returned that would be taken for its end.
        """
        # of the signals for submitit only, the child would die
        ours = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        try:
            self._process = self.elsewhere.begin()
        finally:
            signal.signal(signal.SIGUSR2, ours)
        _wait(self._process.pid)
        status = self._process.wait()
        if status in LEFT:
            sys.exit(status)
        return status

    def checkpoint(self) -> DelayedSubmission:
        """Let the run save and leave; what is returned is carried out when Slurm has requeued the job."""
        from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingImports]

        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)
            _wait(self._process.pid)
        return DelayedSubmission(Carrying(self.elsewhere))


def _wait(process: int) -> None:
    """Wait until a child has ended, also in a signal handler, where Popen.wait would wait for itself."""
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
