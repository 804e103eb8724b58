"""Aim beside a study: runs begin at once in a repository that is not there yet, are killed, go on, are shown once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.command import QUICKSTART, gankit
from support.tracked import expected, hashes, noted, pictures_in, pictures_of, series_of

from gankit.runs.rows import read_rows
from gankit.runs.status import RunState, state_of

pytestmark = pytest.mark.slow

STUDY = f"""\
extends: {QUICKSTART}
growth: {{images: {{4: 64, 8: 160, 16: 240}}}}
generator: {{channels: 8}}
discriminator: {{channels: 8}}
training: {{batch: 8}}
evaluation: {{images: 32, every: 80}}
checkpoints: {{every: 60}}
observers: [progress, aim, {{use: sample-grid, every: 80, count: 4}}]
matrix: {{loss: [hinge, saturating], seed: [0, 1]}}
launcher: {{use: processes, count: 4}}
"""


def begun(folder: Path, file: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "GANKIT_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "gankit", "run", str(file)],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def killed(study: subprocess.Popen[str], name: str) -> None:
    """Kill the process of one run."""
    (process,) = [child for child in psutil.Process(study.pid).children() if name in child.cmdline()]
    process.kill()


def test_four_runs_at_once_in_a_new_repository_one_of_them_killed_are_shown_once_each(tmp_path: Path) -> None:
    file = tmp_path / "losses.yaml"
    file.write_text(STUDY)
    names = [f"loss={loss}/seed-{seed}" for loss in ("hinge", "saturating") for seed in (0, 1)]
    runs = {name: tmp_path / "runs" / "losses" / name for name in names}
    victim = runs[names[0]]
    study = begun(tmp_path, file)
    deadline = time.monotonic() + 240
    while not all((run / "metrics.jsonl").exists() for run in runs.values()) or last(victim) < 120:
        assert time.monotonic() < deadline
        assert study.poll() is None
        time.sleep(0.05)
    assert [state_of(run) for run in runs.values()].count(RunState.RUNNING) == 4, "all at once"
    killed(study, names[0])
    _, said = study.communicate(timeout=240)
    assert study.returncode == 1, said
    assert "1 of 4 runs failed" in said
    assert len(hashes(tmp_path / "runs")) == 4

    again = gankit(["run", file], tmp_path)
    assert again.returncode == 0, again.stderr
    logs = [run.with_name(f"{run.name}.log").read_text() for run in runs.values()]
    assert not any("aim" in log for log in logs), logs
    is_shown(tmp_path / "runs", list(runs.values()))


def last(run: Path) -> int:
    return max((row.images for row in read_rows(run / "metrics.jsonl")), default=0)


def is_shown(repo: Path, runs: list[Path]) -> None:
    """Assert that a repository shows what is in the runs' folders, each once, and nothing else."""
    found = {run: noted(run) for run in runs}
    assert sorted(run_hash for hashes_of in found.values() for run_hash in hashes_of) == hashes(repo)
    for run, (run_hash,) in found.items():
        assert series_of(repo, run_hash) == expected(read_rows(run / "metrics.jsonl"))
        shown, there = pictures_of(repo, run_hash), pictures_in(run)
        assert sorted(shown) == sorted(there)
        assert all(np.array_equal(shown[key], there[key]) for key in there)
