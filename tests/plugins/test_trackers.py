"""Aim, trackio and TensorBoard show the same of a run and of a study, as their own readers say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import aim
import pytest
import yaml
from support import driven
from support.command import QUIET
from support.tiny import tiny
from support.tracked import empty_repository, hashes, series_of
from support.workers import Here

import gankit_aim.observers
import gankit_tensorboard.observers
from gankit.cli import main
from gankit.config.yaml.writer import dump_experiment
from gankit.kinds.callbacks import Row
from gankit.results.run_results import read_run
from gankit.runs.rows import read_rows
from gankit.runs.start import begin, resume

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytest.importorskip("trackio")

Curves = dict[int, list[tuple[int, float]]]
"""(images shown, FID) by resolution."""
TRACKERS = ["aim", "trackio", "tensorboard"]
GRID = {"use": "sample-grid", "count": 4}
WATCHING = [*TRACKERS, GRID]
OPTIONS: dict[str, Any] = {
    "observers": [*WATCHING, *QUIET],
    "evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24},
    "checkpoints": {"every": 40},
}


def curves(rows: Iterable[Row]) -> Curves:
    found: Curves = {}
    for row in rows:
        if row.name == "fid":
            found.setdefault(row.resolution, []).append((row.images, pytest.approx(row.value)))  # pyright: ignore
    return found


def recorded(folder: Path) -> Curves:
    return curves(read_rows(folder / "metrics.jsonl"))


def in_aim(folder: Path, resolutions: Sequence[int] = (4, 8)) -> Curves:
    root, title = (folder.parent, folder.name)
    if "seed" in title:  # of a study
        root, title = folder.parents[2], f"{folder.parent.name}/{title}"
    (run,) = [one for one in hashes(root) if aim.Run(one, repo=str(root), read_only=True).name == title]
    shown = series_of(root, run)
    return {size: shown["fid", f"{{'resolution': {size}}}"] for size in resolutions}


def in_tensorboard(folder: Path, resolutions: Sequence[int] = (4, 8)) -> Curves:
    board = accumulators.EventAccumulator(str(folder / "tensorboard"), {"scalars": 0}).Reload()
    return {size: [(event.step, event.value) for event in board.Scalars(f"fid/{size}")] for size in resolutions}


COMMANDS = """
import json, sys
from trackio.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["trackio", *words, "--json"]
    main()
    print("\\0")
"""


def trackio(*commands: list[str]) -> list[Any]:
    """What trackio's own commands say, one after the other."""
    called = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(called, capture_output=True, text=True, check=True)
    return [json.loads(said) for said in done.stdout.split("\0")[:-1]]


def in_trackio(*folders: Path, resolutions: Sequence[int] = (4, 8)) -> list[Curves]:
    titles = [f"{folder.parent.name}/{folder.name}" if "seed" in folder.name else folder.name for folder in folders]
    asked = [
        ["get", "metric", "--project", "tiny", "--run", title, "--metric", f"fid/{size}"]
        for title in titles
        for size in resolutions
    ]
    there, *told = trackio(["list", "runs", "--project", "tiny"], *asked)
    assert sorted(there["runs"]) == sorted(titles)
    points = iter([[(point["step"], point["value"]) for point in one["values"]] for one in told])
    return [{size: next(points) for size in resolutions} for _ in titles]


@pytest.fixture(autouse=True)
def _trackio_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.costly
def test_all_show_what_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gankit_aim.observers, gankit_tensorboard.observers):
        monkeypatch.setattr(module, "Worker", Here)
    folder = tmp_path / "runs" / "one"
    shutil.copytree(empty_repository().name, folder.parent)
    observers = [driven.experiment(use=name).observers[0] for name in TRACKERS]
    experiment = driven.experiment(use="aim").model_copy(update={"observers": observers})
    driven.write_experiment(folder, experiment)
    run = driven.DrivenRun(folder, observers, experiment)
    run.train()
    run.callbacks.on_close()
    sizes = [stage.resolution for stage in driven.STAGES]
    expected = curves(run.rows)
    assert list(expected) == sizes
    assert in_aim(folder, sizes) == expected
    assert in_tensorboard(folder, sizes) == expected
    assert in_trackio(folder, resolutions=sizes) == [expected]


@pytest.mark.slow
def test_all_show_the_same_fids_of_a_run_before_and_after_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
        assert in_trackio(folder) == [expected]
        assert in_tensorboard(folder) == expected
        ids.append(json.loads((folder / "tracked-trackio.jsonl").read_text().splitlines()[0])["id"])
    assert ids[0] == ids[1]
    assert "failed" not in capsys.readouterr().err
    (about,) = trackio(["get", "run", "--project", "tiny", "--run", folder.name])
    assert about["config"]["protocol"]["images"] == 16
    assert about["config"]["hparams"]["evaluation"]["every"] == 24
    assert {"samples/4", "samples/8", "loss/generator"} <= set(about["metrics"])
    assert len(list((tmp_path / "trackio").rglob("*.png"))) == len(list((folder / "samples").iterdir()))
    assert read_run(folder).is_complete


@pytest.mark.slow
@pytest.mark.parametrize("live", [True, False], ids=["live", "afterwards"])
def test_all_show_the_same_fids_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(empty_repository().name, tmp_path / "runs")
    experiment = yaml.safe_load(dump_experiment(tiny(**{**OPTIONS, "observers": [GRID, *QUIET]})))
    watching = [*TRACKERS, GRID, *QUIET] if live else [GRID, *QUIET]
    study = {**experiment, "observers": watching, "matrix": {"loss": ["hinge", "saturating"], "seed": [0, 1]}}
    study = {name: value for name, value in study.items() if name not in ("loss", "seed", "variant")}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert main(["run", "study.yaml"]) == 0
    for tracker in () if live else TRACKERS:
        assert main(["track", "runs/tiny", "--to", json.dumps(tracker)]) == 0
    folders = sorted((tmp_path / "runs" / "tiny").glob("loss=*/seed-*/"))
    assert len(folders) == 4
    for folder, shown in zip(folders, in_trackio(*folders), strict=True):
        expected = recorded(folder)
        assert len(expected[8]) == 3
        assert in_aim(folder) == expected
        assert in_tensorboard(folder) == expected
        assert shown == expected
