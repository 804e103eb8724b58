"""What TensorBoard reads is what metrics.jsonl says, however the run came to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.command import QUICKSTART

from gankit.cli import main

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

pytestmark = pytest.mark.slow
SHORT = [
    "generator.channels=8",
    "discriminator.channels=8",
    "growth.final=8",
    "evaluation.images=32",
    "evaluation.metrics=[fid]",
    "training.batch=16",
    "checkpoints.every=64",
]
GOES_BACK_ONCE = "{use: guard, against: gradients, gradients: 1.0001, every: 16, policy: roll-back, times: 1}"


def run(folder: Path, observers: str, images: int = 64) -> int:
    """A run with so many images a stage; a checkpoint each 64."""
    settings = [*SHORT, f"observers={observers}", f"growth.images={images}"]
    return main(["run", str(QUICKSTART), "--out", str(folder), *(f"--set={setting}" for setting in settings)])


def read(events: Path) -> Any:
    """What TensorBoard makes of a file or a folder of them, nothing left out."""
    return accumulators.EventAccumulator(str(events), {"scalars": 0, "images": 0, "tensors": 0}).Reload()


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_shows_each_number_once(folder: Path) -> None:
    board = read(folder / "tensorboard")
    written = sorted((e.step, e.value) for tag in board.Tags()["scalars"] for e in board.Scalars(tag))
    recorded = sorted((row["images"], row["value"]) for row in rows(folder))
    assert [step for step, _ in written] == [step for step, _ in recorded]
    assert [value for _, value in written] == pytest.approx([value for _, value in recorded], nan_ok=True)


def test_a_run_that_goes_on(tmp_path: Path) -> None:
    assert run(tmp_path / "run", "[sample-grid, tensorboard]") == 0
    assert_shows_each_number_once(tmp_path / "run")
    assert main(["resume", str(tmp_path / "run"), "--extend", "64"]) == 0
    assert_shows_each_number_once(tmp_path / "run")
    (_,) = (tmp_path / "run" / "tensorboard").iterdir()
    board = read(tmp_path / "run" / "tensorboard")
    assert {"loss/generator", "fid/4", "fid/8", "reals.fid_floor/8"} <= set(board.Tags()["scalars"])
    assert [event.step for event in board.Images("samples/8")] == [128, 192]
    (experiment, *_) = board.Tensors("experiment/text_summary")
    assert b"use: tensorboard/tensorboard" in experiment.tensor_proto.string_val[0]


def test_a_run_that_goes_back(tmp_path: Path) -> None:
    assert run(tmp_path / "run", f"[{GOES_BACK_ONCE}, tensorboard]", images=256) == 1
    events = [row for row in rows(tmp_path / "run") if "note" in row]
    assert [event["name"] for event in events] == ["guard.gradients", "rolled-back", "guard.gradients"]
    noticed, stands, ends = (event["images"] for event in events)
    assert stands < noticed
    assert_shows_each_number_once(tmp_path / "run")
    board = read(tmp_path / "run" / "tensorboard")
    assert [event.step for event in board.Scalars("loss/generator")] == list(range(16, ends + 1, 16))
    (told,) = board.Tensors("events/rolled-back/text_summary")
    assert b"times what was usual" in told.tensor_proto.string_val[0]


def test_an_observer_that_comes_late_shows_all(tmp_path: Path) -> None:
    assert run(tmp_path / "run", "[sample-grid]") == 0
    assert main(["resume", str(tmp_path / "run"), "--extend", "64", "--set=observers=[tensorboard]"]) == 0
    assert_shows_each_number_once(tmp_path / "run")
    assert len(read(tmp_path / "run" / "tensorboard").Images("samples/4")) == 1


def test_without_tensorboard_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gankit_tensorboard.observers.find_spec", lambda name: None)
    assert run(tmp_path / "run", "[tensorboard]") == 0
    assert "pip install 'gankit[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run" / "tensorboard").exists()
