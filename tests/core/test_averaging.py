"""Averages of other lengths are made of a run's snapshots, which it keeps whatever happens to it."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support.command import gankit_here
from support.crashing import files
from support.tiny import CPU, tiny, trainer
from torch import Tensor

import gankit
from gankit import UserError
from gankit.checkpoints import snapshots, store
from gankit.checkpoints.snapshots import snapshots_of
from gankit.cli import main
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.generators.averaging import averages_of
from gankit.runs.start import begin, resume
from gankit.training.batch_norm import estimate_statistics

pytestmark = pytest.mark.costly

POWERS = {"average": 0.15, "short": 0.05}
EXACT = 0.1
GROWN = {"use": "progressive", "start": 4, "final": 8, "images": {4: 64, 8: 384}, "fade": 0.25}
FIXED = {"use": "fixed", "resolution": 4, "images": 96}


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def experiment(lengths: dict[str, float], every: int | None, statistics: str = "average", **changes: Any) -> Experiment:
    """One with batch norms and averages of these lengths."""
    averages = {name: {"use": "power", "length": each, "statistics": statistics} for name, each in lengths.items()}
    options: dict[str, Any] = {
        "generator": tiny().generator.model_dump() | {"norm": "batch"},
        "growth": GROWN,
        "loss": "non-saturating",
        "regularizers": [],
        "training": {"batch": 8, "device": "cpu", "average": averages.pop("average"), "averages": averages},
        "checkpoints": {"every": 48, "keep": 9, "snapshots": every},
        "evaluation": {"metrics": [], "extractor": "digits", "images": 64},
    }
    return tiny(**options | changes)


def trained(folder: Path, made: Experiment) -> Path:
    begin(made, folder).train()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("kept") / "run", experiment(POWERS, 16))


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The weights that an average had which was followed in training."""
    followed = trained(tmp_path_factory.mktemp("exact") / "run", experiment({"average": EXACT}, None))
    return store.read(store.found(followed / "checkpoints")[-1]).state["weights"]["average"]


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """How far all that is averaged lies apart."""
    averaged = [key for key, tensor in one.items() if tensor.is_floating_point()]
    return sum(float((one[key].double() - other[key].double()).square().sum()) for key in averaged) ** 0.5


def kept_weights(run: Path, name: str) -> dict[str, Tensor]:
    return snapshots_of(run)[-1].weights(name)


def test_what_is_made_is_what_training_would_have_followed(run: Path, exact: dict[str, Tensor]) -> None:
    [made] = averages_of(run, [EXACT], "cpu")
    weights = made.generator.network.state_dict()
    nearest = min(distance(exact, kept_weights(run, name)) for name in POWERS)
    assert distance(exact, weights) < 0.01 * nearest
    assert made.error < 0.01
    assert made.snapshots == len([each for each in snapshots_of(run) if each.manifest["resolution"] == 8]) == 24
    for key, tensor in weights.items():
        torch.testing.assert_close(tensor, exact[key], rtol=2e-3, atol=2e-3)


def test_of_one_that_was_kept_comes_what_was_kept(run: Path) -> None:
    [made] = averages_of(run, [POWERS["short"]], "cpu")
    for key, tensor in kept_weights(run, "short").items():
        torch.testing.assert_close(made.generator.network.state_dict()[key], tensor, rtol=1e-5, atol=1e-6)


def test_it_is_written_as_one_file_that_is_loaded_sampled_and_measured(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["average", str(run), "--length", "0.1", "-o", "out.safetensors"]) == 0
    said = capsys.readouterr().err
    assert "wrote out.safetensors: the average of length 0.1 at 8x8 after 448 images, of 24 snapshots" in said
    loaded, [made] = gankit.load("out.safetensors", device="cpu"), averages_of(run, [0.1], "cpu")
    assert torch.equal(loaded.sample(4), made.generator.sample(4))
    assert loaded.origin["average"]["length"] == 0.1
    assert main(["average", str(run), "--sweep", "0.05,0.1,0.2", "--metrics", "fid", "--images", "32"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "length" in line]
    assert {(line[1], line[2]) for line in lines} == {("length", each) for each in ("0.05", "0.1", "0.2")}
    scores = [float(line[4].lstrip("*")) for line in lines]
    assert scores == sorted(scores)
    assert lines[0][4].startswith("*")
    fid = gankit.evaluate("out.safetensors", metrics="fid", images=32)["fid"].value
    assert fid == pytest.approx(scores[[line[2] for line in lines].index("0.1")], rel=1e-3)


def test_batch_norms_have_statistics_as_the_average_says(tmp_path: Path) -> None:
    runs = {
        how: trained(tmp_path / how, experiment(POWERS, 8, statistics=how, growth=FIXED))
        for how in ("estimate", "copy")
    }
    for how, folder in runs.items():
        network = averages_of(folder, [0.1], "cpu")[0].generator.network
        expected = copy.deepcopy(network)
        if how == "estimate":
            estimate_statistics(expected, 0, CPU)
        else:
            expected.load_state_dict({**expected.state_dict(), **_statistics(kept_weights(folder, "average"))})
        found = _statistics(network.state_dict())
        assert found
        assert all(torch.equal(each, expected.state_dict()[key]) for key, each in found.items())
    again = Path(shutil.copytree(runs["estimate"], tmp_path / "again"))  # which has it measured at other moments
    for checkpoint in store.found(again / "checkpoints")[1:]:
        shutil.rmtree(checkpoint)
    taken_up(again, experiment(POWERS, 8))
    assert files(again) == files(runs["estimate"])


def test_what_was_measured_changes_nothing_of_a_snapshot() -> None:
    made = trainer(experiment(POWERS, 8, statistics="estimate", growth=FIXED))
    made.iteration()
    before = {key: tensor.clone() for key, tensor in made.averages["short"].snapshot().items()}
    own = made.averages["short"].measured().state_dict()
    assert any(not torch.equal(tensor, before[key]) for key, tensor in own.items())
    assert all(torch.equal(tensor, before[key]) for key, tensor in made.averages["short"].snapshot().items())


def _statistics(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: each for key, each in weights.items() if "running_" in key}


class Killed(BaseException):
    """What nothing catches."""


def test_a_run_that_is_killed_at_any_write_keeps_the_same_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = experiment(POWERS, 24, growth=FIXED)
    whole = files(trained(tmp_path / "whole", made))
    assert sum("snapshots" in name for name in whole) == 3 * 4  # at 24, 48, 72 and 96 images
    write, remove, left = snapshots.write, shutil.rmtree, 0

    def dying(path: Path, content: bytes) -> str:
        nonlocal left
        left -= 1
        if left == 0:
            path.write_bytes(content[: len(content) // 2])
            raise Killed
        return write(path, content)

    monkeypatch.setattr(snapshots, "write", dying)
    monkeypatch.setattr(store, "write", dying)
    # what is killed tidies nothing up
    monkeypatch.setattr(shutil, "rmtree", lambda *given, **named: None if left == 0 else remove(*given, **named))
    folder = tmp_path / "killed"
    for number in (7, 9, 3, 5, 12, 8):
        left = number
        with pytest.raises(Killed):
            taken_up(folder, made)
    left = -1
    taken_up(folder, made)
    assert files(folder) == whole


def taken_up(folder: Path, made: Experiment) -> None:
    loop = resume(folder) if (folder / "experiment.yaml").exists() else begin(made, folder)
    assert loop is not None
    loop.train()


def test_a_run_that_goes_back_keeps_none_of_a_future_that_is_void(run: Path, tmp_path: Path) -> None:
    back = Path(shutil.copytree(run, tmp_path / "back"))
    for checkpoint in store.found(back / "checkpoints")[3:]:
        shutil.rmtree(checkpoint)
    shutil.copytree(store.found(back / "snapshots")[-1], back / "snapshots" / "000000000439")
    going_on = resume(back)
    assert going_on is not None
    reached = going_on.progress.images
    assert [int(path.name) for path in store.found(back / "snapshots")][-1] <= reached < 439
    going_on.train()
    assert files(back / "snapshots") == files(run / "snapshots")


def test_what_cannot_be_made_is_told_in_a_line(run: Path, tmp_path: Path) -> None:
    short = Path(shutil.copytree(run, tmp_path / "short"))
    for path in store.found(short / "snapshots")[-23:]:
        shutil.rmtree(path)
    none = trained(tmp_path / "none", experiment(POWERS, None, growth=FIXED))
    one = trained(tmp_path / "one", experiment({"average": 0.1}, None, growth=FIXED))
    damaged = Path(shutil.copytree(run, tmp_path / "damaged"))
    (store.found(damaged / "snapshots")[-3] / "short.safetensors").write_bytes(b"no weights")
    for arguments, said in (
        ([run, "0.003"], "no average of length 0.003 can be made of 24 snapshots over 384 images at 8 pixels"),
        ([short, "0.1"], "can be made of 1 snapshot over 16 images at 8 pixels: its profile would be"),
        ([none, "0.1"], "has kept no snapshots; checkpoints: {snapshots: 10k}"),
        ([one, "0.1"], "has kept no snapshots"),
        ([damaged, "0.1"], "is damaged: short.safetensors is not what was written; remove it to do without"),
        ([run, "half"], "--length: expected a length from 0.0001 to 0.288, not 'half'"),
        ([store.found(run / "checkpoints")[-1], "0.1"], "is a checkpoint; snapshots lie in its run's folder"),
        ([tmp_path / "nowhere", "0.1"], "nowhere is not a run's folder"),
    ):
        place, length = arguments
        ended = gankit_here(["average", str(place), "--length", str(length), "-o", "x.safetensors"], tmp_path)
        assert ended.returncode == 2, ended.stderr
        assert said in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.safetensors").exists()
    shutil.rmtree(store.found(damaged / "snapshots")[-3])
    assert averages_of(damaged, [0.1], "cpu")[0].snapshots == 23


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "checkpoints: {snapshots: 10k}",
            "wrong.yaml:2:26: checkpoints.snapshots: averages are made of snapshots of two",
        ),
        ("training: {average: {use: power, length: 0.5}}", "must be at most 0.288, not 0.5"),
        ("checkpoints: {snapshot: 10k}", "unknown option. Did you mean 'snapshots'?"),
    ],
)
def test_mistakes_are_told_with_their_lines(tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"extends: {Path(__file__).parents[2]}/experiments/quickstart.yaml\n{lines}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(file)
    assert said in str(caught.value)
