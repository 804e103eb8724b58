"""Where `training.start_from` leads to no weights, `validate` tells, and nothing begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.command import QUICKSTART
from support.tiny import tiny

from gankit.checkpoints import store
from gankit.cli import main
from gankit.config.checks import missing
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly

NONE_YET = "{} has no checkpoint yet; one is written at the end of each stage"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "run"
    begin(tiny(), path).train()
    return path


def lacking(path: Path) -> list[str]:
    """What is told of an experiment that starts from `path`."""
    experiment = tiny(training={"batch": 8, "start_from": str(path)})
    found = missing(experiment)
    assert all(where == ("training", "start_from") for where, _ in found)
    assert missing(experiment, begun=True) == []
    return [message for _, message in found]


def test_a_run_and_a_checkpoint_are_there(source: Path) -> None:
    assert lacking(source) == []
    assert lacking(store.found(source / "checkpoints")[-1]) == []


def test_what_is_not_there_is_told(source: Path, tmp_path: Path) -> None:
    assert lacking(tmp_path / "nope") == [f"there is no run and no checkpoint {tmp_path / 'nope'}"]
    assert lacking(tmp_path) == [f"{tmp_path} is neither a run's folder nor a checkpoint"]
    shutil.copy(source / "experiment.yaml", tmp_path)
    assert lacking(tmp_path) == [NONE_YET.format(tmp_path)]


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "run/" * 2000])
def test_odd_paths_are_not_there(name: str) -> None:
    assert lacking(Path("/nowhere") / name)[0].startswith("there is no run and no checkpoint /nowhere/")


def test_validate_tells_it_and_run_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    setting = "training.start_from=runs/nope"
    assert main(["validate", str(QUICKSTART), "--set", setting]) == 0
    said = f"--set {setting}: training.start_from: there is no run and no checkpoint {tmp_path / 'runs' / 'nope'}"
    assert f"this machine still lacks:\n\n{said}\n" in capsys.readouterr().out
    assert main(["run", str(QUICKSTART), "--set", setting]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_begun_goes_on_without_what_it_started_from(source: Path, tmp_path: Path) -> None:
    copy, run = tmp_path / "copy", tmp_path / "run"
    shutil.copytree(source, copy)
    begin(tiny(training={"batch": 8, "device": "cpu", "start_from": str(copy)}), run).train()
    shutil.rmtree(copy)
    going_on = resume(run, extend=16)
    assert going_on is not None
    going_on.train()
