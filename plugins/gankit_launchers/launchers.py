"""Launchers on one machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from itertools import takewhile
from shutil import which

from pydantic import Field

from gankit import Job, Launcher
from gankit_launchers.carrying_out import carry_out


class InTurn(Launcher):
    """One run after the other, each with all cores and GPUs."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs."""
        return carry_out(jobs, [{}])


class Processes(Launcher):
    """Several runs at once on this machine, each with its share of the cores and, if there are any, a GPU.

    A run's number of threads is its share of the cores, rounded down, unless `training.threads` says otherwise.
    """

    count: int | None = Field(default=None, ge=1)
    """Runs at once; null: one on each GPU, or without GPUs one on each core."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs."""
        gpus = _gpus()
        count = max(1, min(self.count or len(gpus) or _cores(), len(jobs)))
        return carry_out(jobs, [_share(place, count, gpus) for place in range(count)])


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
