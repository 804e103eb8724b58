"""What glibc's allocator costs as a run starts it, against one that keeps what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.effort import Effort
from benchmarks.rows import Row
from benchmarks.sides import TUNED
from benchmarks.systems import job
from benchmarks.turns import in_turn

GOAL = 1.05
"""Times as long as with the tuned one, from 64x64 on, where it pays."""


def measure(effort: Effort) -> Iterator[Row]:
    """PGGAN at 32x32 and 64x64."""
    for resolution in (16,) if effort.few else (32, 64):
        started = job("pggan", effort.width, resolution)
        turns = in_turn([started, replace(started, environment=TUNED)], effort)
        more = turns.memory[1] / turns.memory[0] - 1
        what = f"PGGAN at {resolution}x{resolution} as started, over a tuned allocator"
        note = f"which takes {more:+.0%} memory"
        yield Row(what, turns.ratio(0, 1), GOAL if resolution >= 64 else None, "lower", note=note)
