"""gankit runs lists what has become of runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recorded import measured, recorded

from gankit.cli import main
from gankit.kinds.callbacks import Row
from gankit.runs.folder import RunFolder

DONE = [*measured(1000, 1, 4, fid=0.5), *measured(3000, 2, 8, fid=1.25)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a run in each state."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "30")
    runs = tmp_path / "runs"
    recorded(runs / "done", DONE, times=[("finished", {})])
    recorded(runs / "study" / "[a]" / "seed-0", [*DONE[:1], Row(1500, 2, 8, "loss.generator", 1.0)])
    recorded(runs / "study" / "b" / "seed-0", measured(500, 1, 4, fid_quick=7.0), times=[("failed", {})])
    recorded(runs / "study" / "c" / "seed-0", [])
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_each_run_has_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = RunFolder(folder / "runs" / "study" / "c" / "seed-0")
    assert main(["runs"]) == 0
    running.close()
    header, _, *found = lines(capsys)
    assert header == ["run", "state", "stage", "images", "fid"]
    assert found == [
        ["runs/done", "finished", "2/2", "8x8", "3,000", "of", "3,000", "1.250", "at", "8x8"],
        ["runs/study/[a]/seed-0", "cut", "short", "2/2", "8x8", "1,500", "of", "3,000", "0.5000", "at", "4x4"],
        ["runs/study/b/seed-0", "failed", "1/2", "4x4", "500", "of", "3,000", "7.000", "(quick)", "at", "4x4"],
        ["runs/study/c/seed-0", "running", "-", "0", "of", "3,000", "-"],
    ]


def test_places_and_the_metric_can_be_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(folder / "other", measured(1000, 1, 4, **{"is": 2.5}), [(4, 1000)])
    assert main(["runs", "other", "runs/done", "--metric", "is"]) == 0
    assert [line[-3:] for line in lines(capsys)[2:]] == [["2.500", "at", "4x4"], ["of", "3,000", "-"]]
    assert main(["runs", "--metric", "fidd"]) == 2
    assert "--metric: no run has 'fidd'" in capsys.readouterr().err


def test_without_fid_the_first_metric_of_every_stage_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*measured(1000, 1, 4, swd_4=3.0, swd=3.0), *measured(3000, 2, 8, swd_8=2.0, swd=2.5)]
    recorded(folder / "other", rows)
    assert main(["runs", "other"]) == 0
    header, _, line = lines(capsys)
    assert (header[-1], line[-3:]) == ("swd", ["2.500", "at", "8x8"])


def test_without_runs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 2
    assert "runs: there is no such folder or file" in capsys.readouterr().err
