"""What it costs that layers fade in."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.rows import Row
from benchmarks.training import LONG, Training, made
from benchmarks.turns import in_turn
from benchmarks.work import Job

GOAL = 1.05
"""How many times as long an iteration may take while layers fade in."""


def fading(width: int, resolution: int, fades: bool) -> Training:
    """PGGAN half way through a fade, or at its end."""
    plan = [
        {"resolution": resolution // 2, "images": 1},
        {"resolution": resolution, "images": LONG, "fade": 1.0 if fades else 0.0},
    ]
    work = made("pggan", width, {"use": "stages", "plan": plan}, {})
    work.trainer.images = LONG // 2
    return work


def measure(effort: Effort) -> Iterator[Row]:
    """At 32x32."""
    resolution = effort.at_most(32)
    jobs = [
        Job("benchmarks.fading:fading", {"width": effort.width, "resolution": resolution, "fades": fades})
        for fades in (True, False)
    ]
    what = f"PGGAN fading at {resolution}x{resolution} over stable"
    yield Row(what, in_turn(jobs, effort).ratio(0, 1), GOAL, "lower")
