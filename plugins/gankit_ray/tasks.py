"""Runs as tasks of Ray, which go on elsewhere when they are lost."""

from __future__ import annotations

import concurrent.futures
import signal
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from shutil import which
from typing import Any, NamedTuple

import ray  # pyright: ignore[reportMissingImports]
from ray import exceptions  # pyright: ignore[reportMissingImports]

from gankit import Job
from gankit_launchers.elsewhere import LEFT, Elsewhere

PERIOD = 0.1
"""Seconds between looks at whether a process has ended."""
PATIENCE = 300
"""Seconds that runs have to save and leave when the study is interrupted."""


class Needs(NamedTuple):
    """What each run takes of the cluster."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        return f"{self.cpus} CPU{'s' * (self.cpus > 1)}" + f" and {self.gpus:g} GPU" * bool(self.gpus)


class Attempt(NamedTuple):
    """A task that was submitted."""

    elsewhere: Elsewhere
    reference: Any
    losses: int
    """How often the run has lost its worker."""


def carry_out(jobs: Sequence[Job], needs: Needs, retries: int) -> Generator[tuple[Job, int]]:
    """Carry out all jobs, each as a task of the cluster that was joined; yields each as it ends.

    Args:
        jobs: What to carry out.
        needs: What each takes of the cluster.
        retries: How often one goes on after it was lost.
    """
    # Ray's own retries are not told of, nor do they end
    task: Any = ray.remote(num_cpus=needs.cpus, num_gpus=needs.gpus, max_retries=0)(run_here)

    def submit(elsewhere: Elsewhere, losses: int = 0) -> None:
        reference = task.options(name=elsewhere.job.name).remote(elsewhere)
        under_way[reference.future()] = Attempt(elsewhere, reference, losses)

    under_way: dict[concurrent.futures.Future[int], Attempt] = {}
    try:
        for job in jobs:
            submit(Elsewhere.of(job, needs.cpus))
        while under_way:
            ended, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                elsewhere, _, losses = under_way.pop(future)
                status, loss = _outcome(future, elsewhere)
                if loss is not None and losses < retries:
                    elsewhere.note(f"lost {loss}; goes on elsewhere from its last checkpoint")
                    submit(elsewhere, losses + 1)
                    continue
                if loss is not None:
                    elsewhere.note(f"lost {loss}; gave up after {retries} retries")
                yield elsewhere.job, status
    finally:
        _cancel(under_way)


def run_here(elsewhere: Elsewhere) -> int:
    """Carry out a job on this host, as a child of a worker process of Ray.

    When the task is cancelled, and by the kernel when the worker process dies, the job is asked to save and leave.

    Returns:
        The job's exit status; negative: the signal that killed it.

    Raises:
        NotSharedError: if this host does not see the study.
    """
    tether = ["setpriv", "--pdeathsig", "TERM", "--"] if which("setpriv") else []
    process = elsewhere.begin(tether, apart=True)
    try:
        while process.poll() is None:  # Ray's interrupts do not reach a blocking call
            time.sleep(PERIOD)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process.returncode


def _outcome(future: concurrent.futures.Future[int], elsewhere: Elsewhere) -> tuple[int, str | None]:
    """A job's exit status, and what was lost if it has not ended by itself."""
    try:
        status = future.result()
    except exceptions.RayTaskError as failure:
        elsewhere.note(f"could not be carried out: {failure.cause or failure}")
        return 1, None
    except exceptions.TaskCancelledError:
        elsewhere.note("was cancelled in Ray")
        return -signal.SIGTERM, None
    except exceptions.RayError as failure:
        return -signal.SIGKILL, f"its worker ({type(failure).__name__})"
    return status, "its host, which asked it to leave" if status in LEFT else None


def _cancel(under_way: Mapping[concurrent.futures.Future[int], Attempt]) -> None:
    """Let all save and leave, and wait for them."""
    for attempt in under_way.values():
        with suppress(exceptions.RayError):
            ray.cancel(attempt.reference)
    concurrent.futures.wait(under_way, timeout=PATIENCE)
