"""How a study tells of its runs as they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.recorded import measured, recorded
from support.toys import EXPERIMENT

from gankit.config.study import Study, StudyRun
from gankit.config.study_loader import load_study
from gankit.studies.progress import StudyProgress
from gankit.studies.runner import Failure

ROWS = [*measured(1000, 1, 4, swd_4=3.0, swd=3.0), *measured(3000, 2, 8, swd_8=2.0, swd=2.5)]


@pytest.fixture
def runs(toys: None, tmp_path: Path) -> list[StudyRun]:
    """The four runs of a study."""
    (tmp_path / "base.yaml").write_text(EXPERIMENT)
    (tmp_path / "losses.yaml").write_text("extends: base.yaml\nmatrix: {loss: [tug], seed: [0, 1, 2, 3]}\n")
    study = load_study(tmp_path / "losses.yaml")
    assert isinstance(study, Study)
    return study.runs


def finish(folder: Path, run: StudyRun) -> None:
    recorded(folder / run.name, ROWS, times=[("finished", {})])


@contextmanager
def told(runs: list[StudyRun], folder: Path) -> Iterator[tuple[StudyProgress, list[str]]]:
    """The progress of a study in `folder`, and a list of the lines that it has said in the end."""
    lines: list[str] = []
    console = Console(file=StringIO(), width=200)
    with StudyProgress(runs, folder, console) as progress:
        yield progress, lines
    assert isinstance(console.file, StringIO)
    lines += console.file.getvalue().splitlines()


def test_each_finished_run_is_counted_once_when_it_is_told_of(runs: list[StudyRun], tmp_path: Path) -> None:
    finish(tmp_path, runs[0])
    with told(runs, tmp_path) as (progress, lines):
        for run in runs[1:3]:  # both before either is told of
            finish(tmp_path, run)
        progress.ended(runs[1].name, None)
        progress.ended(runs[2].name, None)
        progress.ended(runs[3].name, "out of luck")
    assert "1 of them finished already" in lines[0]
    assert [line.rpartition("(")[2] for line in lines[2:]] == [
        "2 of 4 finished)",
        "3 of 4 finished)",
        "3 of 4 finished)",
    ]


def test_a_run_is_told_of_by_the_metric_that_every_stage_has(runs: list[StudyRun], tmp_path: Path) -> None:
    with told(runs, tmp_path) as (progress, lines):
        finish(tmp_path, runs[0])
        progress.ended(runs[0].name, None)
    assert lines[-1] == "loss=tug/seed-0 finished: swd 2.500 at 8x8 (1 of 4 finished)"


def test_the_table_counts_each_run_once(runs: list[StudyRun], tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200, force_terminal=True, color_system=None)
    with StudyProgress(runs, tmp_path, console) as progress:
        finish(tmp_path, runs[0])
        finish(tmp_path, runs[1])
        progress.ended(runs[1].name, "its last breath failed")
    assert isinstance(console.file, StringIO)
    assert "1 finished, 0 running, 1 failed, 2 to come" in console.file.getvalue()


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("working\nkilled\n\n", "killed"),
        (
            "a.yaml:1:7: loss: no loss is called 'tgu'\n    loss: tgu\n          ^\n",
            "a.yaml:1:7: loss: no loss is called 'tgu'",
        ),
        ("^\n", "^"),
        ("", "it printed nothing"),
    ],
)
def test_of_a_run_that_failed_its_reason_is_said(tmp_path: Path, printed: str, said: str) -> None:
    (tmp_path / "log").write_text(printed)
    assert Failure("a/seed-0", 2, tmp_path / "log").said() == said
