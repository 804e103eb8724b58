"""What a second process on a second core brings, by the images a second of whole runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.loading import write_pictures
from benchmarks.rows import Row
from benchmarks.spreads import Spread
from benchmarks.systems import BATCH, pggan
from benchmarks.training import UNWATCHED

GOAL = 1.7
"""Times as many images a second, two processes of one thread on two cores."""
ITERATIONS = 16


def measure(effort: Effort) -> Iterator[Row]:
    """PGGAN at 16x16."""
    if len(os.sched_getaffinity(0)) < 2:
        return
    write_pictures(effort.folder / "pictures", 16, 64)
    runs: list[list[float]] = []
    for _ in range(effort.runs):
        pairs = [(_images_a_second(effort, 1), _images_a_second(effort, 2)) for _ in range(effort.rounds)]
        runs.append([two / one for one, two in pairs])
    yield Row("PGGAN at 16x16, two processes over one, images a second", Spread.of(runs), GOAL)


def _images_a_second(effort: Effort, processes: int) -> float:
    """Of a run by `gankit run`, its start left out, as it wrote it down itself."""
    system = pggan(effort.width).options
    options = {
        "name": "ranks",
        "data": {"use": "folder", "path": str(effort.folder / "pictures")},
        "growth": {"use": "fixed", "resolution": 16, "images": (2 if effort.few else ITERATIONS) * BATCH},
        **system,
        "training": {**system["training"], "batch": BATCH, "threads": 1, "device": "cpu", "processes": processes},
        "evaluation": {"metrics": [], "extractor": "digits"},
        "observers": UNWATCHED,
    }
    file, folder = effort.folder / "ranks.yaml", effort.folder / "ranks"
    file.write_text(json.dumps(options))
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "gankit", "run", str(file), "--out", str(folder)],
        env={**os.environ, "GANKIT_CACHE": str(effort.folder / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    events = [json.loads(line) for line in (folder / "times.jsonl").read_text().splitlines()]
    [stage] = [event for event in events if event.get("event") == "stage"]
    return float(stage["images_per_second"])
