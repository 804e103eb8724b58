"""gankit beside another version of itself, out of a checkout: what a change has brought."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.rows import Iteration, Row
from benchmarks.sides import TESTS
from benchmarks.steps import JOBS, of_side
from benchmarks.systems import SYSTEMS, job
from benchmarks.turns import in_turn


def measure(path: Path, effort: Effort) -> Iterator[Row | Iteration]:
    """Each system, both versions as they are started, with the same other packages.

    Args:
        path: The checkout, which need not be installed.
        effort: How much.
    """
    other = {"PYTHONPATH": os.pathsep.join(map(str, (TESTS, path, path / "plugins")))}
    for system, resolution in JOBS[:1] if effort.few else JOBS:
        now = job(system, effort.width, resolution)
        turns = in_turn([now, replace(now, environment=other)], effort, peaks=True)
        for side, code in enumerate(("gankit", str(path.name))):
            yield of_side(turns, side, code, system, resolution, effort.width)
        what = f"{SYSTEMS[system](effort.width).about}, {resolution}x{resolution}, over {path.name}"
        after, before = (each / 1e6 for each in turns.memory)
        yield Row(what, turns.ratio(1, 0), note=f"{before:.0f} to {after:.0f} MB")
