"""Two processes finish a study faster than one."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from pathlib import Path

import pytest
from support.command import QUICKSTART, gankit

STUDY = f"""\
extends: {QUICKSTART}
growth: {{images: {{4: 500, 8: 2k, 16: 6k}}}}
observers: [progress]
matrix: {{loss: [non-saturating, hinge], seed: [0, 1, 2]}}
"""
TRIALS = 3


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_two_processes_are_1_7_times_as_fast_as_in_turn(tmp_path: Path) -> None:
    (tmp_path / "losses.yaml").write_text(STUDY)
    seconds: dict[str, list[float]] = {"sequential": [], "{use: processes, count: 2}": []}
    for _ in range(TRIALS):
        for launcher, measured in seconds.items():
            since = time.perf_counter()
            ended = gankit(["run", "losses.yaml", "--set", f"launcher={launcher}"], tmp_path)
            measured.append(time.perf_counter() - since)
            assert ended.returncode == 0, ended.stderr
            shutil.rmtree(tmp_path / "runs")
    in_turn, beside = (statistics.median(measured) for measured in seconds.values())
    print(f"{seconds}: {in_turn / beside:.2f} times as fast")
    assert in_turn / beside >= 1.7
