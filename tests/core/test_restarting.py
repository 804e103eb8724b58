"""A study begun again while what is left of it, after it was killed, is still at its runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import TWO_UPDATES

from gankit.cli import main
from gankit.config.experiment import Experiment
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.core.errors import UserError
from gankit.runs.components import RunComponents
from gankit.runs.folder import RunFolder, refuse_used
from gankit.runs.start import begin
from gankit.runs.status import RunState, state_of

pytestmark = pytest.mark.costly

SMALL = TWO_UPDATES + "observers: [{use: progress, enabled: false}, {use: guard, enabled: false}]\n"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "study.yaml"
    file.write_text(SMALL + "matrix: {seed: [0]}\n")
    return file


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Experiment], object]], None]:
    """Has something done once by "another process", while this one loads data and networks for the first time."""

    def arrange(act: Callable[[Experiment], object]) -> None:
        def loading(experiment: Experiment, threads: int | None = None) -> RunComponents:
            monkeypatch.undo()
            parts = RunComponents.of(experiment, threads)
            act(experiment)
            return parts

        monkeypatch.setattr(RunComponents, "of", loading)

    return arrange


def only_run(study: Path, folder: Path) -> list[str]:
    read = load_study(study)
    assert isinstance(read, Study)
    return ["run", str(study), "--run", read.runs[0].name, "--out", str(folder)]


def test_a_run_that_is_finished_while_another_process_loads_it_has_not_failed(
    study: Path, tmp_path: Path, meanwhile: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    command = only_run(study, tmp_path / "out")
    run = tmp_path / "out" / command[command.index("--run") + 1]
    meanwhile(lambda experiment: begin(experiment, run).train())
    assert main(command) == 0, capsys.readouterr().err
    assert state_of(run) is RunState.FINISHED


def test_one_that_is_begun_meanwhile_is_waited_for_and_gone_on_with(
    study: Path,
    tmp_path: Path,
    meanwhile: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = only_run(study, tmp_path / "out")
    run = tmp_path / "out" / command[command.index("--run") + 1]
    held: list[RunFolder] = []

    def begun(experiment: Experiment) -> None:
        held.append(RunFolder.create(run, experiment))
        monkeypatch.setattr(time, "sleep", lambda _: held.pop().close() if held and "waiting for" in said() else None)

    def said() -> str:
        heard.append(capsys.readouterr().err)
        return "".join(heard)

    heard: list[str] = []
    meanwhile(begun)
    assert main(command) == 0, said()
    assert "waiting for process" in said()
    assert state_of(run) is RunState.FINISHED


def test_an_experiment_that_may_be_gone_on_with_is(
    study: Path, tmp_path: Path, meanwhile: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    study.write_text(SMALL)
    command = ["run", str(study), "--out", str(tmp_path / "run")]
    meanwhile(lambda experiment: begin(experiment, tmp_path / "run").train())
    assert main([*command, "--resume"]) == 0, capsys.readouterr().err
    meanwhile(lambda experiment: begin(experiment, tmp_path / "other").train())
    assert main(["run", str(study), "--out", str(tmp_path / "other")]) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_what_a_kill_left_of_a_finished_run_is_cleared_away_by_its_study(study: Path, tmp_path: Path) -> None:
    command = only_run(study, tmp_path / "out")
    run = tmp_path / "out" / command[command.index("--run") + 1]
    assert main(command) == 0
    hidden = run / "checkpoints" / ".000000000000.removed"
    hidden.mkdir()
    assert main(["run", str(study), "--out", str(tmp_path / "out")]) == 0
    assert not hidden.exists()


@pytest.mark.parametrize("left", [[".lock", ".holder.json"], [".holder.json"]])
def test_what_a_kill_left_of_a_beginning_is_in_nobodys_way(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).write_text("{}")
    refuse_used(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"it holds notes\.txt"):
        refuse_used(tmp_path)
