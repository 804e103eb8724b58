"""Worker processes, seen from the one that measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.work import Job

TESTS = Path(__file__).parents[1]
AS_STARTED: Mapping[str, str] = {}
"""No setting of the allocator but what the measured code makes itself."""
TUNED: Mapping[str, str] = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
"""glibc's allocator kept from giving memory back to the system after each large tensor."""


class Side:
    """A worker process."""

    def __init__(self, job: Job, allocator: Mapping[str, str], threads: int = 1) -> None:
        """Begin it; the job is made by its first answer."""
        self.job = job
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.worker"],
            env={**environment, **allocator, **job.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say([job.maker, job.arguments])

    def ask(self, name: str, *arguments: object) -> Any:
        """What the worker answers."""
        with suppress(BrokenPipeError):  # which is found out below
            self._say([name, *arguments])
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self.job.maker} {dict(self.job.arguments)} failed; its reason stands above")
        return json.loads(line)

    def once(self, clock: str = "cpu") -> float:
        """Seconds an iteration, by the CPU's clock or the wall's: one of each kind, weighted as in a cycle."""
        return self.job.mean([taken[clock] for taken in self.ask("iterate", self.job.numbers)])

    def flops(self) -> float:
        """Floating point operations an iteration, as the mean over a cycle."""
        return self.job.mean(self.ask("flops", self.job.numbers))

    def end(self) -> None:
        """Let it go."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()

    def _say(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


@contextmanager
def working(*jobs: Job, allocator: Mapping[str, str] = AS_STARTED, threads: int = 1) -> Iterator[list[Side]]:
    """Workers of some jobs side by side, ended afterwards."""
    sides: list[Side] = []
    try:
        for job in jobs:
            sides.append(Side(job, allocator, threads))
        yield sides
    finally:
        for side in sides:
            side.end()
