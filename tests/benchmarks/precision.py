"""What computing in bfloat16 brings, where processors have units for it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.rows import Row
from benchmarks.systems import job
from benchmarks.turns import in_turn


def measure(effort: Effort) -> Iterator[Row]:
    """PGGAN at 32x32; the goal is on the fp32 peer, and for processors with such units alone."""
    resolution = effort.at_most(32)
    jobs = [job("pggan", effort.width, resolution, precision=name) for name in ("fp32", "bf16")]
    yield Row(f"PGGAN at {resolution}x{resolution}, bf16 over fp32", in_turn(jobs, effort).ratio(0, 1))
