"""`training.start_from` takes the weights that fit and tells of the others; where it leads to none, nothing begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support.command import QUICKSTART
from support.tiny import tiny, trainer

from gankit.checkpoints import store
from gankit.cli import main
from gankit.config.checks import missing
from gankit.core.errors import UserError
from gankit.runs.start import begin, resume
from gankit.runs.transfer import transfer
from gankit.training.trainer import Trainer

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


NETWORK = {"block": "conv", "rgb": "rgb"}
LARGER = {4: 8, 8: 4, 16: 4}
OTHERS: dict[str, dict[str, Any]] = {
    "of twice the size": {
        "growth": {"use": "progressive", "start": 4, "final": 16, "images": 32, "fade": 0.5},
        "generator": {"channels": LARGER},
        "discriminator": {"channels": LARGER},
    },
    "that does not grow": {"growth": {"use": "fixed", "resolution": 8, "images": 32}},
    "with classes": {
        "data": {"use": "digits", "labels": True},
        "generator": {"mapping": {"use": "normalized"}},
        "discriminator": {"head": {"use": "pggan", "labels": "select"}},
    },
    "of another latent": {"generator": {"latent": 9}},
}
"""Experiments into which not all weights fit, as changes to the one that was trained."""


def transferred(source: Path, changes: dict[str, Any]) -> tuple[Trainer, Trainer]:
    """The networks of another experiment as they begin, and as they begin from `source`."""
    before = tiny().model_dump()
    nested = {name: before[name] | change for name, change in changes.items() if name in ("generator", "discriminator")}
    training = {"batch": 8, "device": "cpu", "start_from": str(source)}
    experiment = tiny(**changes | nested, training=training)
    alone, taking = trainer(experiment), trainer(experiment)
    transfer(experiment, taking)
    return alone, taking


@pytest.mark.parametrize("name", OTHERS)
def test_what_fits_is_taken_and_what_does_not_is_told(
    source: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = store.found(source / "checkpoints")[-1]
    weights = store.read(newest).state["weights"]
    alone, taking = transferred(source, OTHERS[name])
    said, counts = capsys.readouterr().err, [0, 0]
    states = (one.state_dict()["weights"] for one in (alone, taking))
    untouched, taken = ({**each, "average": each["average"]} for each in states)
    for network in ("generator", "discriminator", "average"):
        for key, tensor in taken[network].items():
            fits = weights[network].get(key, torch.zeros(0)).shape == tensor.shape
            assert torch.equal(tensor, (weights if fits else untouched)[network][key]), key
            counts[0] += fits and network != "average"
            counts[1] += network != "average"
    assert f"start_from: {counts[0]} of {counts[1]} weights are taken from {newest}" in said
    expected = {
        "of twice the size": ["generator.blocks.16  ", "discriminator.rgb.16  "],
        "that does not grow": ["generator.rgb.4 ", "discriminator.rgb.4 "],
        "with classes": ["which was trained with no classes where the data here has 10 classes", "discriminator.head."],
        "of another latent": ["[128, 9]  [128, 8]"],
    }
    assert [part for part in expected[name] if part not in said] == []


def test_all_that_fits_needs_no_table(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transferred(source, {})
    assert capsys.readouterr().err == ""


def test_nothing_that_fits_is_refused(source: Path, tmp_path: Path) -> None:
    changes = {name: tiny().model_dump()[name] | {"channels": 5} for name in ("generator", "discriminator")}
    changes["generator"] |= {"latent": 7}
    changes |= {"regularizers": [], "training": {"batch": 8, "start_from": str(source)}}
    with pytest.raises(UserError, match=r"^training.start_from: nothing of .* fits this experiment:\n +here +there\n"):
        begin(tiny(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
