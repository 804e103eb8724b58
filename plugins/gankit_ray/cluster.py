"""Runs as tasks of a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

import ray  # pyright: ignore[reportMissingImports]
from ray import exceptions  # pyright: ignore[reportMissingImports]

from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit_launchers.cluster import LEFT, PATIENCE, Cluster, Outcome, RemoteJob, exit_status

START = """\
Start one with Ray's own commands:
    ray start --head --port=6379                 on the first host
    ray start --address=FIRST-HOST:6379          on every other one
and call gankit on one of them"""


class Task(NamedTuple):
    """A task of Ray; `ray.wait` and `ray.get` would swallow what handlers of signals raise, futures do not."""

    reference: Any
    future: Future[int]


class RayCluster(Cluster):
    """The cluster that this process has joined."""

    def __init__(self, cpus: int, gpus: float | None) -> None:
        """Have each job take so many CPUs and GPUs; None: one GPU if there are any. Says so if no host has them."""
        if gpus is None:
            gpus = float(ray.cluster_resources().get("GPU", 0) > 0)
        # Ray's own retries are not told of, nor do they end
        self._task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(carry_out_here)
        hosts = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(host.get("CPU", 0) >= cpus and host.get("GPU", 0) >= gpus for host in hosts):
            needs = f"{cpus} CPU{'s' * (cpus > 1)}" + f" and {gpus:g} GPU" * bool(gpus)
            warn(f"no host of the Ray cluster has {needs}; waiting for one that does")

    def submit(self, job: RemoteJob) -> Task:
        """Submit a task."""
        reference = self._task.options(name=job.job.name).remote(job)
        return Task(reference, reference.future())

    def ended(self, tasks: Collection[Task]) -> Collection[Task]:
        """Those that have ended, at least one."""
        done = wait([task.future for task in tasks], return_when=FIRST_COMPLETED).done
        return [task for task in tasks if task.future in done]

    def outcome(self, task: Task, job: RemoteJob) -> Outcome:
        """What the task has returned, or why it has not."""
        try:
            status = task.future.result()
        except exceptions.RayTaskError as failure:
            job.note(f"could not be carried out: {failure.cause or failure}")
            return Outcome(1)
        except exceptions.TaskCancelledError:
            job.note("was cancelled in Ray")
            return Outcome(-signal.SIGTERM)
        except exceptions.RayError as failure:
            return Outcome(-signal.SIGKILL, f"lost its worker ({type(failure).__name__})")
        return Outcome(status, "lost its host, which asked it to leave" if status in LEFT else None)

    def cancel(self, tasks: Collection[Task]) -> None:
        """Cancel tasks, which lets their jobs save and leave, and wait for that."""
        for task in tasks:
            with suppress(exceptions.RayError):
                ray.cancel(task.reference)
        wait([task.future for task in tasks], timeout=PATIENCE)


def carry_out_here(job: RemoteJob) -> int:
    """Carry out a job on this host, as a child of a worker process of Ray.

    When the task is cancelled, and by the kernel when the worker process dies, the job is asked to save and leave.

    Returns:
        The job's exit status; negative: the signal that killed it.

    Raises:
        NotSharedError: if this host does not see the study.
    """
    tether = ["setpriv", "--pdeathsig", "TERM", "--"] if which("setpriv") else []
    return exit_status(job.begin(tether, apart=True))


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Within this context this process is part of a cluster; by default RAY_ADDRESS, or the one that this host is in.

    Raises:
        UserError: if there is none, or it does not let us in.
    """
    ours = signal.getsignal(signal.SIGTERM)
    host, _, port = (address or os.environ.get("RAY_ADDRESS", "")).rpartition("://")[2].rpartition(":")
    try:
        if host and port.isdecimal():  # where nobody listens, Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        with chdir(Path(str(ray.__file__)).parents[1]):  # from which Ray has its workers import
            ray.init(address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, exceptions.RayError) as failure:
        where = f"at {address}" if address else "here" if "RAY_ADDRESS" not in os.environ else "as RAY_ADDRESS says"
        raise UserError(f"launcher: found no Ray cluster {where}: {str(failure).strip()}\n{START}") from None
    finally:
        signal.signal(signal.SIGTERM, ours)  # Ray puts one that exits in its place
    try:
        yield
    finally:
        ray.shutdown()
