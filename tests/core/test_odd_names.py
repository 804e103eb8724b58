"""Folders, metrics and options may be called what rich takes for markup or emoji; they are shown as they are."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.command import QUICKSTART, SMALL, gankit_here
from support.driven import DrivenRun
from support.recorded import PROTOCOL, measured, recorded
from support.toys import EXPERIMENT

from gankit.cli import main
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.kinds.callbacks import Row
from gankit.results.run_results import read_run
from gankit.results.run_tables import print_metrics
from gankit.runs.folder import RunFolder
from gankit.studies.progress import StudyProgress, print_runs
from gankit_observers.console import Bar

ODD = ["[b]x", "[/]x", "r[/x]", ":smile:", "[red]a[/red]"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def test_a_run_says_where_it_is(tmp_path: Path) -> None:
    training = [*SMALL, "--set", "evaluation.metrics=[]", "--set", "growth={use: fixed, resolution: 4, images: 32}"]
    done = gankit_here(["run", QUICKSTART, *training, "--out", "[b]:smile:[/]x"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "[b]:smile:[/]x: no evaluation, as evaluation.metrics names none\n")
    assert done.stderr.splitlines()[:3] == [
        "gankit: [b]:smile:[/]x is being prepared: 1 stage, 4x4",
        "gankit: [b]:smile:[/]x begins",
        "gankit: [b]:smile:[/]x has ended; look further with:",
    ]
    assert "  gankit compare '[b]:smile:[/]x'" in done.stderr.splitlines()


@pytest.mark.parametrize("name", ODD)
def test_runs_and_their_numbers_are_called_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    protocol = {**PROTOCOL, "extractor": name}
    for seed, loss in enumerate(("tug", "push")):
        rows = measured(1000, 1, 4, protocol, **{name: seed + 1.0})
        recorded(Path("runs", name, f"{loss}-{seed}"), rows, [(4, 1000)], loss=loss, name=name)
    for command in (["compare", "runs"], ["compare", "runs", "--format", "markdown"], ["runs", "--metric", name]):
        assert main(command) == 0
        shown = capsys.readouterr().out.replace("\\", "")
        assert shown.count(name) >= 2
    print_metrics([read_run(Path("runs", name, "tug-0")), read_run(Path("runs", name, "push-1"))])
    shown = capsys.readouterr().out
    assert f"measured with images 1000, extractor {name}, seed 0" in shown
    assert shown.count(name) == 2
    assert "*1.000" in shown


@pytest.fixture
def study(toys: None) -> Study:
    """A study of one run."""
    Path("base.yaml").write_text(EXPERIMENT)
    Path("study.yaml").write_text("extends: base.yaml\nvariants: {a: {loss: {use: tug}}}\n")
    read = load_study(Path("study.yaml"))
    assert isinstance(read, Study)
    return read


@pytest.mark.parametrize("name", ODD)
def test_the_runs_of_a_study_are_listed_with_their_folder(
    study: Study, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_runs(study, study.runs, Path(name))
    assert capsys.readouterr().out.endswith(f"in {name}\n")


@pytest.mark.parametrize("name", ODD)
def test_a_study_under_way_is_shown_with_its_folder_and_numbers(study: Study, name: str) -> None:
    path = recorded(Path(name, "a/seed-0"), measured(1, 1, 4, **{name: 2.0}))
    running = RunFolder(path)
    console = Console(file=StringIO(), force_terminal=True, color_system=None, width=200)
    with StudyProgress(study.runs, Path(name), console):
        pass
    running.close()
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert f"in {name}\n" in shown
    assert f"{name} 2.000 at 4x4" in shown


@pytest.mark.parametrize("name", ODD)
def test_what_happens_is_told_above_the_bar(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(DrivenRun(tmp_path / "run", []))
    bar.on_rows([Row(8, 1, 4, "event", 0.0, None, f"see {name}")])
    bar.on_close()
    assert f"event at 8 images: see {name}\n" in capsys.readouterr().err
