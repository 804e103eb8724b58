"""What gankit track shows of a run afterwards is what observers show of it live, once, whatever trackers do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import QUIET
from support.recorders import FAULTY, points_of, recorder, recorders_here
from support.tiny import tiny
from support.tracked import empty_repository, hashes, only_run, pictures_of, series_of
from support.workers import Here

import gankit_aim.observers
import gankit_tensorboard.observers
import gankit_wandb_like.observers
from gankit.cli import main
from gankit.core.progress import Stage
from gankit.runs.moments import recorded_pictures
from gankit.runs.start import begin, resume
from gankit.runs.status import RunLock

accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
pytestmark = pytest.mark.costly

EVALUATION = {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24}
GRID = {"use": "sample-grid", "count": 4, "every": 24}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for module in (gankit_aim.observers, gankit_tensorboard.observers, gankit_wandb_like.observers):
        monkeypatch.setattr(module, "Worker", Here)
    with recorders_here(tmp_path, monkeypatch):
        yield


def trained(folder: Path, *observers: Any, **options: Any) -> Path:
    """A run of two stages, with grids within them; the one that holds it is a repository of Aim's."""
    if not folder.parent.exists():
        shutil.copytree(empty_repository().name, folder.parent)
    begin(tiny(observers=[*observers, GRID, *QUIET], evaluation=EVALUATION, **options), folder).train()
    return folder


def in_aim(folder: Path) -> Any:
    run = only_run(folder.parent)
    params = {name: run[name] for name in ("study", "variant", "seed", "stage", "protocol")}
    shown = {key: pixels.tobytes() for key, pixels in pictures_of(folder.parent, run.hash).items()}
    return run.name, params, series_of(folder.parent, run.hash), shown


def in_tensorboard(folder: Path) -> Any:
    (_,) = (folder / "tensorboard").iterdir()
    board = accumulators.EventAccumulator(str(folder / "tensorboard"), {"scalars": 0, "images": 0}).Reload()
    numbers = {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
    return numbers, {
        tag: [(event.step, event.encoded_image_string) for event in board.Images(tag)] for tag in board.Tags()["images"]
    }


def in_recorder(folder: Path) -> Any:
    return points_of(folder.parent.parent)


READERS: dict[str, Callable[[Path], Any]] = {"aim": in_aim, "tensorboard": in_tensorboard, "recorder": in_recorder}


def observer_of(name: str, home: Path) -> Any:
    return recorder(home) if name == "recorder" else name


@pytest.mark.parametrize("name", READERS)
def test_a_run_is_shown_afterwards_as_it_is_live_and_once(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read, observer = READERS[name], observer_of(name, tmp_path)
    live = read(trained(tmp_path / "live" / "run", observer))
    shutil.rmtree(tmp_path / "tracked", ignore_errors=True)
    folder = trained(tmp_path / "later" / "run")
    for _ in range(2):
        assert main(["track", str(tmp_path / "later"), "--to", json.dumps(observer)]) == 0
        assert read(folder) == live
    said = capsys.readouterr()
    assert said.err == ""
    assert [line.endswith(" numbers, 5 pictures") for line in said.out.splitlines()] == [True, True]


def test_a_run_that_goes_on_is_told_further(tmp_path: Path) -> None:
    folder, observer = trained(tmp_path / "runs" / "run"), recorder(tmp_path)
    assert main(["track", str(folder), "--to", json.dumps(observer)]) == 0
    before = points_of(tmp_path)
    run = resume(folder, extend=32)
    assert run is not None
    run.train()
    assert main(["track", str(folder), "--to", json.dumps(observer)]) == 0
    now = points_of(tmp_path)
    assert {chart: values[: len(before[chart])] for chart, values in now.items()} == before
    assert len(now["loss/generator"]) > len(before["loss/generator"])


def test_what_was_asked_for_elsewhere_stays_when_the_run_goes_on(tmp_path: Path) -> None:
    folder, other = trained(tmp_path / "runs" / "run", "aim"), tmp_path / "other"
    shutil.copytree(empty_repository().name, other)
    to = ["--to", json.dumps({"use": "aim", "repo": str(other)})]
    assert main(["track", str(folder), *to]) == main(["track", str(folder), *to]) == 0
    (own,), (asked,) = hashes(folder.parent), hashes(other)
    run = resume(folder, extend=32)
    assert run is not None
    run.train()
    assert hashes(other) == [asked]
    (renewed,) = hashes(folder.parent)
    assert renewed != own
    assert main(["track", str(folder), *to]) == 0
    assert hashes(folder.parent) == [renewed]
    assert series_of(other, hashes(other)[0]) == series_of(folder.parent, renewed)


def test_a_run_under_way_is_told_up_to_where_it_is_unless_it_tracks_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained(tmp_path / "runs" / "run", "aim")
    shown = hashes(folder.parent)
    lock = RunLock(folder)
    try:
        assert main(["track", str(folder), "--to", "aim"]) == 0
        assert "is under way and shows itself there: aim tracks this run there already" in capsys.readouterr().out
        assert main(["track", str(folder), "--to", "tensorboard"]) == 0
        assert capsys.readouterr().out.endswith(" 5 pictures up to 96 images, where it is\n")
    finally:
        lock.release()
    assert hashes(folder.parent) == shown
    assert len(in_tensorboard(folder)[1]["samples/8"]) == 3


def test_a_tracker_that_fails_is_said_for_each_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raises = 'raise RuntimeError("no server")'
    (tmp_path / "faulty.py").write_text(FAULTY.replace("FAULT", raises).replace("BEGINNING", raises))
    folder = trained(tmp_path / "runs" / "run")
    shutil.copytree(folder, folder.with_name("run-2"))
    content = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    to = ["--to", "{use: wandb-like, module: faulty}"]
    assert main(["track", str(folder.parent), *to, "--json"]) == 1
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["to"]["module"] == "faulty"
    assert [(run["run"], run["state"], run["images"], run["events"]) for run in told["runs"]] == [
        (str(path), "finished", 96, 0) for path in (folder, folder.with_name("run-2"))
    ]
    assert all("nothing of the run is shown: RuntimeError: no server" in run["failed"] for run in told["runs"])
    assert printed.err.count("RuntimeError: no server") == 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == content


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("tensorbord", "--to: no observer is called 'tensorbord'. Did you mean 'tensorboard'?"),
        ("{use: trackio, projec: mine}", "--to: projec: unknown option. Did you mean 'project'?"),
        ("guard", "--to: guard shows nothing of runs that are over; these do: aim, tensorboard,"),
    ],
)
def test_what_is_no_tracker_is_refused(tmp_path: Path, to: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(tmp_path), "--to", to]) == 2
    assert capsys.readouterr().err.startswith(said)


def test_pictures_of_before_tell_by_their_names_when_they_were_shown(tmp_path: Path) -> None:
    folder = trained(tmp_path / "runs" / "run")
    stages = tiny().stages()
    told = recorded_pictures(folder, stages)
    for file in (folder / "samples").iterdir():
        from PIL import Image

        with Image.open(file) as picture:
            picture.save(file)  # without what is said in it
    assert [(name, at.images, at.label) for name, _, at in recorded_pictures(folder, stages)] == [
        (name, at.images, at.label) for name, _, at in told
    ]


def test_names_tell_the_stages_of_one_resolution_apart(tmp_path: Path) -> None:
    from PIL import Image

    stages = [Stage(8, 100, name="burn-in"), Stage(8, 100, name="rest"), Stage(16, 100, 50)]
    (tmp_path / "samples").mkdir()
    names = ["00000100-8x8-burn-in", "00000150-8x8-rest", "00000200-8x8-rest", "00000230-16x16", "another"]
    for name in names:
        Image.new("L", (8, 8)).save(tmp_path / "samples" / f"{name}.png")
    shown = [(picture.name, picture.progress.label) for picture in recorded_pictures(tmp_path, stages)]
    labels = ["8x8 burn-in", "8x8 rest", "8x8 rest", "16x16"]
    assert shown == list(zip(names, labels, strict=False))
