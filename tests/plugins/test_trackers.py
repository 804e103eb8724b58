"""Aim, trackio and TensorBoard show the same of one run, as their own readers say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import QUIET
from support.tiny import tiny
from support.tracked import empty_repository, hashes, series_of

from gankit.results.run_results import read_run
from gankit.runs.rows import read_rows
from gankit.runs.start import begin, resume

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytest.importorskip("trackio")
pytestmark = pytest.mark.slow

Curves = dict[int, list[tuple[int, float]]]
"""(images shown, FID) by resolution."""
WATCHING = ["aim", {"use": "wandb-like", "module": "trackio"}, "tensorboard", {"use": "sample-grid", "count": 4}]
OPTIONS: dict[str, Any] = {
    "observers": [*WATCHING, *QUIET],
    "evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24},
    "checkpoints": {"every": 40},
}


def recorded(folder: Path) -> Curves:
    found: Curves = {}
    for row in read_rows(folder / "metrics.jsonl"):
        if row.name == "fid":
            found.setdefault(row.resolution, []).append((row.images, pytest.approx(row.value)))  # pyright: ignore
    return found


def in_aim(folder: Path) -> Curves:
    (run,) = hashes(folder.parent)
    shown = series_of(folder.parent, run)
    return {size: shown["fid", f"{{'resolution': {size}}}"] for size in (4, 8)}


def in_tensorboard(folder: Path) -> Curves:
    board = accumulators.EventAccumulator(str(folder / "tensorboard"), {"scalars": 0}).Reload()
    return {size: [(event.step, event.value) for event in board.Scalars(f"fid/{size}")] for size in (4, 8)}


def trackio(*command: str) -> dict[str, Any]:
    """What trackio's own command says."""
    code = "from trackio.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *command, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def in_trackio(folder: Path) -> Curves:
    assert trackio("list", "runs", "--project", "tiny")["runs"] == [folder.name]
    where = ("--project", "tiny", "--run", folder.name)
    told = {size: trackio("get", "metric", *where, "--metric", f"fid/{size}")["values"] for size in (4, 8)}
    return {size: [(point["step"], point["value"]) for point in values] for size, values in told.items()}


def test_all_show_the_same_fids_of_a_run_before_and_after_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "runs" / "one"
    shutil.copytree(empty_repository().name, folder.parent)
    begin(tiny(**OPTIONS), folder).train()
    ids = []
    for extended in (False, True):
        if extended:
            run = resume(folder, extend=32)
            assert run is not None
            run.train()
        expected = recorded(folder)
        assert len(expected[8]) == (5 if extended else 3)
        assert in_aim(folder) == expected
        assert in_trackio(folder) == expected
        assert in_tensorboard(folder) == expected
        ids.append(json.loads((folder / "tracked-trackio.jsonl").read_text().splitlines()[0])["id"])
    assert ids[0] == ids[1]
    assert "failed" not in capsys.readouterr().err
    about = trackio("get", "run", "--project", "tiny", "--run", folder.name)
    assert about["config"]["protocol"]["images"] == 16
    assert about["config"]["hparams"]["evaluation"]["every"] == 24
    assert {"samples/4", "samples/8", "loss/generator"} <= set(about["metrics"])
    assert len(list((tmp_path / "trackio").rglob("*.png"))) == len(list((folder / "samples").iterdir()))
    assert read_run(folder).is_complete
