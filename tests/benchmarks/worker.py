"""A process that does one job by iterations, on request: `python -m benchmarks.worker`, spoken to in lines of JSON.

The first line is the job. Each further one is a request, answered by one line; the last ends the process by being none.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.memory import high_water, resident
from benchmarks.work import Job, Work

NARROW = 8
"""Channels of networks that take next to nothing."""


class Server:
    """Answers requests about one job's work."""

    def __init__(self, job: Job) -> None:
        """Make the work, and remember how much memory the process took before."""
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        torch.manual_seed(0)
        module, _, function = job.maker.partition(":")
        make = getattr(importlib.import_module(module), function)
        if (
            job.arguments.get("width", 0) > NARROW
        ):  # what libraries keep for themselves, whatever the width, is the base
            make(**{**job.arguments, "width": NARROW}).iterate(0)
        import torch._dynamo  # which modes that count operations load, and some optimizers

        gc.collect()
        high_water(reset=True)
        self._base = resident()
        self._work: Work = make(**job.arguments)

    def iterate(self, numbers: list[int]) -> list[dict[str, float]]:
        """Seconds that each of some iterations takes."""
        return [self._timed(number) for number in numbers]

    def _timed(self, number: int) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        self._work.iterate(number)
        return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}

    def flops(self, numbers: list[int]) -> list[int]:
        """Floating point operations of some iterations."""
        from benchmarks.counting import flops

        return [flops(lambda number=number: self._work.iterate(number)) for number in numbers]

    def profile(self, numbers: list[int]) -> str:
        """Where the time of some iterations goes, by operation and shapes."""
        from benchmarks.profiling import table

        return table(lambda: [self._work.iterate(number) for number in numbers])

    def peak(self, seconds: float) -> float:
        """Floating point operations a second of the fastest convolution."""
        from benchmarks.counting import convolution_peak

        return convolution_peak(seconds)

    def memory(self) -> int:
        """Bytes at the highest, over those before the work was made."""
        return high_water() - self._base

    def parameters(self) -> dict[str, int]:
        """How many parameters are trained, by network."""
        return self._work.parameters()

    def result(self) -> list[float]:
        """Numbers that the work has found out."""
        return self._work.result()


def serve(lines: TextIO, answers: TextIO) -> None:
    """Answer until there are no more requests."""
    server = Server(Job(*json.loads(lines.readline())))
    for line in lines:
        name, *arguments = json.loads(line)
        answer: Any = getattr(server, name)(*arguments)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the measured code prints is no answer
    sys.path.insert(0, str(Path(__file__).parents[1]))
    serve(sys.stdin, out)
