"""Child processes, as many at once as there are places for them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence

from gankit import Job

PERIOD = 0.05
"""Seconds between looks at whether a process has ended."""


def carry_out(jobs: Sequence[Job], places: Sequence[Mapping[str, str]]) -> Generator[tuple[Job, int]]:
    """Carry out all jobs in their order, each in the first place that is free; yields each as it ends.

    Args:
        jobs: What to carry out.
        places: One for each process at once: what it adds to the environment.
    """
    waiting = list(jobs)
    under_way: dict[int, tuple[Job, subprocess.Popen[bytes]]] = {}
    try:
        while waiting or under_way:
            for place in range(len(places)):
                if place not in under_way and waiting:
                    job = waiting.pop(0)
                    under_way[place] = job, _begun(job, places[place])
            ended = [
                (place, job, process.returncode) for place, (job, process) in under_way.items() if has_ended(process)
            ]
            for place, job, status in ended:
                del under_way[place]
                yield job, status
            if not ended:
                time.sleep(PERIOD)
    finally:
        end([process for _, process in under_way.values()])


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended."""
    return process.poll() is not None


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
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


def _begun(job: Job, place: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A job's process. It has a session of its own, so that Ctrl-C reaches it by us alone, and once."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            list(job.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **place},
            start_new_session=True,
        )
