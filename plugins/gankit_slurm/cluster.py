"""Runs as jobs of Slurm, by submitit."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import submitit  # pyright: ignore[reportMissingImports]
from submitit.core.utils import (  # pyright: ignore[reportMissingImports]
    FailedJobError,
    FailedSubmissionError,
    environment_variables,
)
from submitit.helpers import DelayedSubmission, clean_env  # pyright: ignore[reportMissingImports]

from gankit.core.errors import UserError
from gankit_launchers.cluster import LEFT, PATIENCE, Cluster, Outcome, RemoteJob, exit_status

MOST_TIMEOUTS = 1000
"""How often a job may come to its time limit and be requeued."""
PERIOD = 1.0
"""Seconds between looks for what has ended."""
QUEUE_PERIOD = 10.0
"""Seconds between questions to Slurm, which serves others too."""


class SlurmCluster(Cluster):
    """Slurm, asked by squeue and scontrol, for submitit's sacct needs a database that not all have.

    A job has ended when its result is there, or when Slurm has been asked twice and did not have it any more.
    """

    again = "goes on as another one"

    def __init__(self, folder: Path, parameters: Mapping[str, Any]) -> None:
        """Keep submitit's files in `folder`; `parameters` are what it asks of Slurm for each job."""
        self._folder = folder
        python = f"{shlex.quote(sys.executable)} -P"  # a job of Slurm begins in the current folder
        self._executor: Any = submitit.SlurmExecutor(folder, max_num_timeout=MOST_TIMEOUTS, python=python)
        self._executor.update_parameters(**parameters)
        self._missed: set[Any] = set()
        self._asked_at = time.monotonic()

    def submit(self, job: RemoteJob) -> Any:
        """Submit a job; its task is submitit's handle of it."""
        self._executor.update_parameters(job_name=job.job.name)
        kept = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
        try:
            # nothing may tell sbatch of a job that this process is in, whose shares it would take
            with clean_env() if "SLURM_JOB_ID" in os.environ else nullcontext(), environment_variables(**kept):
                return self._executor.submit(Task(job))
        except (FailedJobError, FailedSubmissionError) as failure:
            raise UserError(f"launcher: Slurm refused {job.job.name}: {_last_line(failure)}") from None

    def ended(self, tasks: Collection[Any]) -> Collection[Any]:
        """Those that have ended."""
        time.sleep(PERIOD)
        present = set(os.listdir(self._folder))  # also makes a network file system look anew
        gone: set[Any] = set()
        if time.monotonic() - self._asked_at > QUEUE_PERIOD:
            self._asked_at, queued = time.monotonic(), _queued()
            missed = {task for task in tasks if queued is not None and task.job_id not in queued}
            gone, self._missed = missed & self._missed, missed
        return [task for task in tasks if task.paths.result_pickle.name in present or task in gone]

    def outcome(self, task: Any, job: RemoteJob) -> Outcome:
        """What the job has returned; without that, what Slurm says has become of it."""
        if task.paths.result_pickle.exists():
            try:
                return Outcome(task.result())
            except FailedJobError as failure:
                job.note(f"could not be carried out: {_last_line(failure)}")
                return Outcome(1)
        if (state := _state(task.job_id)) == "CANCELLED":
            job.note(f"Slurm job {task.job_id} was cancelled")
            return Outcome(-signal.SIGTERM)
        return Outcome(-signal.SIGKILL, f"Slurm job {task.job_id} left Slurm without a result, its state {state}")

    def cancel(self, tasks: Collection[Any]) -> None:
        """Have Slurm ask jobs to leave; it kills those that have not after the KillWait of its configuration."""
        ids = {task.job_id for task in tasks}
        if ids:
            subprocess.run(["scancel", *ids], capture_output=True)
        until = time.monotonic() + PATIENCE
        while ids and time.monotonic() < until:
            queued = _queued()
            if queued is not None and queued.isdisjoint(ids):
                return
            time.sleep(PERIOD)


class Task:
    """Carries out a run as a child process; submitit calls it, and `checkpoint` when the time is nearly up."""

    def __init__(self, job: RemoteJob) -> None:
        self._job = job
        self._process: int | None = None

    def __call__(self) -> int:
        """Begin the run or go on with it.

        Returns:
            Its exit status; negative: the signal that killed it.

        Raises:
            NotSharedError: if this host does not see the study.
            SystemExit: if the run was asked to leave. Slurm has done that, which signals all processes of a job, and
                knows whether the job is to be requeued; so nothing may be returned that would be taken for its end.
        """
        ours = signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # it is for submitit only, and the child would die of it
        try:
            process = self._job.begin()
        finally:
            signal.signal(signal.SIGUSR2, ours)
        self._process = process.pid
        status = exit_status(process)
        if status in LEFT:
            sys.exit(status)
        return status

    def checkpoint(self) -> DelayedSubmission:
        """Let the run save and leave; what is returned is carried out when Slurm has requeued the job."""
        if self._process is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._process, signal.SIGTERM)
                # not Popen.wait: this is called by a signal, maybe while `exit_status` has Popen's lock
                os.waitid(os.P_PID, self._process, os.WEXITED | os.WNOWAIT)
        return DelayedSubmission(Task(self._job))


def _queued() -> set[str] | None:
    """The ids of this user's jobs that wait, run or end; None if Slurm does not answer, which it may again later."""
    command = ["squeue", "--noheader", "--format=%A", f"--user={os.getuid()}"]
    answer = subprocess.run(command, capture_output=True, text=True)
    return set(answer.stdout.split()) if answer.returncode == 0 else None


def _state(job_id: str) -> str:
    """What became of a job, such as CANCELLED or NODE_FAIL; UNKNOWN if Slurm has forgotten it."""
    answer = subprocess.run(["scontrol", "--oneliner", "show", "job", job_id], capture_output=True, text=True)
    found = re.search(r"\bJobState=(\w+)", answer.stdout)
    return found[1] if found else "UNKNOWN"


def _last_line(failure: Exception) -> str:
    """The last line of what submitit has to say, which is that of a traceback or of a command."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip(" -")]
    return lines[-1] if lines else type(failure).__name__
