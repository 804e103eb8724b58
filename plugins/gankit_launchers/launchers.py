"""Launchers on one machine: child processes, as many at once as there are places for them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from itertools import takewhile
from shutil import which
from typing import ClassVar

from pydantic import Field

from gankit import Job, Launcher

PERIOD = 0.05
"""Seconds between looks at whether a process has ended."""


class Sequential(Launcher):
    """One run after the other, each with all cores and GPUs."""

    former_names: ClassVar[tuple[str, ...]] = ("in-turn",)

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs."""
        return _carry_out(jobs, [{}])


class Processes(Launcher):
    """Several runs at once on this machine, each with its share of the cores and, if there are any, a GPU.

    A run's number of threads is its share of the cores, rounded down, unless `training.threads` says otherwise; it is
    the same when a study is begun again of which few runs are left.
    """

    count: int | None = Field(default=None, ge=1)
    """Runs at once; null: one on each GPU, or without GPUs one on each core."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs."""
        gpus = _gpus()
        most = self.count or len(gpus) or _cores()
        shares = max(1, min(most, max([len(jobs), *(job.among for job in jobs)])))
        return _carry_out(jobs, [_share(place, shares, gpus) for place in range(max(1, min(most, len(jobs))))])


def _carry_out(jobs: Sequence[Job], places: Sequence[Mapping[str, str]]) -> Generator[tuple[Job, int]]:
    """Carry out all jobs in their order, each in the first place that is free; yields each as it ends.

    There is a place for each process at once: what it adds to the environment.
    """
    waiting = list(jobs)
    under_way: dict[int, tuple[Job, subprocess.Popen[bytes]]] = {}
    try:
        while waiting or under_way:
            for place, environment in enumerate(places):
                if place not in under_way and waiting:
                    job = waiting.pop(0)
                    under_way[place] = job, _begun(job, environment)
            ended = [place for place, (_, process) in under_way.items() if process.poll() is not None]
            for place in ended:
                job, process = under_way.pop(place)
                yield job, process.returncode
            if not ended:
                time.sleep(PERIOD)
    finally:
        _end([process for _, process in under_way.values()])


def _begun(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A job's process. It has a session of its own, so that Ctrl-C reaches it by us alone, and once."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            list(job.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let processes save and leave, and wait for them; if that is interrupted, let them leave at once."""
    for process in processes:
        process.terminate()
    try:
        for process in processes:
            process.wait()
    except BaseException:
        for process in processes:
            process.terminate()
        raise


def _share(place: int, count: int, gpus: Sequence[str]) -> Mapping[str, str]:
    """The environment of the `place`-th of `count` processes."""
    share = {"OMP_NUM_THREADS": str(max(1, _cores() // count))}
    return share | ({"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {})


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; asking torch would take seconds."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = (name.strip() for name in visible.split(","))
        return list(takewhile(lambda name: name not in ("", "-1"), names))  # as CUDA, which ends at what is no GPU
    if which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]  # parts of one follow it, indented
    return [str(number) for number, _ in enumerate(gpus)] if listed.returncode == 0 else []
