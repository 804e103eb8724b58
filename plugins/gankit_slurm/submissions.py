"""Jobs that Slurm has for us, by submitit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import submitit  # pyright: ignore[reportMissingImports]
from submitit.core.utils import FailedJobError, FailedSubmissionError  # pyright: ignore[reportMissingImports]

from gankit.core.errors import UserError
from gankit_launchers.elsewhere import Elsewhere
from gankit_slurm import queue
from gankit_slurm.carrying import Carrying

Asked = Mapping[str, Any]
"""What is asked of Slurm for each job, as submitit names it."""

MOST_TIMEOUTS = 1000
"""How often a job may come to its time limit and be requeued."""
QUEUE_PERIOD = 10.0
"""Seconds between questions to Slurm, which serves others too."""
PATIENCE = 300.0
"""Seconds for jobs to leave when the study is interrupted; Slurm itself kills them sooner."""


class Submitted(NamedTuple):
    """A job that Slurm has."""

    elsewhere: Elsewhere
    handle: Any
    """submitit's."""
    losses: int
    """How many jobs of this run Slurm has lost before."""


class Ended(NamedTuple):
    """A job that Slurm has no longer."""

    job_id: str
    submitted: Submitted
    status: int
    loss: str | None
    """What Slurm has done to it, if it is to be submitted again."""


class Submissions:
    """The jobs of one study.

    A job has ended when its result is there, or when Slurm has been asked twice and did not have it any more.
    """

    def __init__(self, folder: Path, asked: Asked) -> None:
        self._folder = folder
        self._executor: Any = submitit.SlurmExecutor(folder, max_num_timeout=MOST_TIMEOUTS)
        self._executor.update_parameters(**asked)
        self.under_way: dict[str, Submitted] = {}
        self._missed: set[str] = set()
        self._asked_at = time.monotonic()

    def submit(self, elsewhere: Elsewhere, losses: int) -> None:
        """Have Slurm carry out a run.

        Raises:
            UserError: if it refuses.
        """
        self._executor.update_parameters(job_name=elsewhere.job.name)
        try:
            with _outside_of_jobs():
                handle = self._executor.submit(Carrying(elsewhere))
        except (FailedJobError, FailedSubmissionError) as failure:
            raise UserError(f"launcher: Slurm refused {elsewhere.job.name}: {_said(failure)}") from None
        self.under_way[handle.job_id] = Submitted(elsewhere, handle, losses)

    def ended(self) -> Iterator[Ended]:
        """The jobs that have ended since this was asked last; they are no longer under way."""
        gone = self._gone()
        present = set(os.listdir(self._folder))  # also makes a network file system look anew
        for job_id, submitted in list(self.under_way.items()):
            if submitted.handle.paths.result_pickle.name in present:
                status, loss = _result(submitted), None
            elif job_id in gone:
                status, loss = _left(job_id, submitted)
            else:
                continue
            del self.under_way[job_id]
            yield Ended(job_id, submitted, status, loss)

    def cancel(self) -> None:
        """Have all save and leave, and wait for them."""
        queue.cancel(self.under_way)
        until = time.monotonic() + PATIENCE
        while self.under_way and time.monotonic() < until:
            there = queue.queued()
            if there is not None and there.isdisjoint(self.under_way):
                return
            time.sleep(1)

    def _gone(self) -> set[str]:
        """Jobs under way that Slurm had neither now nor when it was asked before."""
        if time.monotonic() - self._asked_at < QUEUE_PERIOD:
            return set()
        self._asked_at = time.monotonic()
        there = queue.queued()
        if there is None:
            return set()
        missed = set(self.under_way) - there
        gone, self._missed = missed & self._missed, missed
        return gone


@contextmanager
def _outside_of_jobs() -> Iterator[None]:
    """Within this context nothing tells Slurm's commands of a job that this process is in, whose shares they'd take."""
    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    configuration = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
    with submitit.helpers.clean_env():
        os.environ.update(configuration)
        yield


def _result(submitted: Submitted) -> int:
    """The exit status that a job has returned."""
    try:
        return submitted.handle.result()
    except FailedJobError as failure:
        submitted.elsewhere.note(f"could not be carried out: {_said(failure)}")
        return 1


def _left(job_id: str, submitted: Submitted) -> tuple[int, str | None]:
    """The exit status of a job that has left Slurm without a result, and what was done to it if not by the user."""
    state = queue.state(job_id)
    if state == "CANCELLED":
        submitted.elsewhere.note(f"Slurm job {job_id} was cancelled")
        return -signal.SIGTERM, None
    return -signal.SIGKILL, f"left Slurm without a result, its state {state}"


def _said(failure: Exception) -> str:
    """The last line of what submitit has to say, which is that of a traceback or of a command."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip(" -")]
    return lines[-1] if lines else type(failure).__name__
