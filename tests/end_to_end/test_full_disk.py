"""Full disks, read-only folders, observers and metrics that fail: only the record itself stops a run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.command import rows
from support.crashing import files
from support.sandbox import Done, Sandbox, missing
from support.tiny import tiny
from support.tracked import empty_repository

from gankit.checkpoints import store
from gankit.config.yaml.writer import dump_experiment

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

OPTIONS: dict[str, Any] = {
    "growth": {"use": "progressive", "start": 4, "final": 8, "images": {4: 240, 8: 240}, "fade": 0.5},
    "loss": "non-saturating",
    "regularizers": [],
    "checkpoints": {"every": 60, "keep": 9},
}


OFF = "{use: progress, enabled: false}, {use: guard, enabled: false}"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as box:
        yield box


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("experiment") / "tiny.yaml"
    file.write_text(dump_experiment(tiny(**OPTIONS)))
    return file


@pytest.fixture(scope="module")
def whole(box: Sandbox, experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = box.gankit("run", experiment, "--out", folder)
    assert (done.code, complaints(done)) == (0, [])
    return folder


def aim_in(folder: Path) -> list[str]:
    """Settings with which Aim tracks a run in a repository at `folder`."""
    return ["--set", f"observers=[{{use: aim, repo: {folder}}}, {OFF}]"]


def complaints(done: Done) -> list[str]:
    """What was said beside where the run is and what may be typed next."""
    return [line for line in done.said.splitlines() if not re.search(r" begins$| has ended.*:$|^  gankit ", line)]


def is_whole(run: Path, whole: Path) -> bool:
    """Whether a run's numbers and weights are those of the run that nothing happened to."""
    last = Path("checkpoints") / "000000000480"
    compared = ["metrics.jsonl", *(str(last / file.name) for file in (whole / last).glob("*.safetensors"))]
    return len(compared) == 4 and all((run / file).read_bytes() == (whole / file).read_bytes() for file in compared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "said"),
    [("400k", "failed to begin, and is left out"), ("900k", "failed in 'on_rows'")],
)
def test_a_full_disk_under_aim_does_not_stop_a_run(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path, size: str, said: str
) -> None:
    box.mount(tmp_path / "small", size)
    done = box.gankit("run", experiment, "--out", tmp_path / "run", *aim_in(tmp_path / "small"))
    assert done.code == 0, done.said
    assert is_whole(tmp_path / "run", whole)
    reports = [line for line in done.said.splitlines() if line.startswith("gankit: observer aim/aim failed")]
    assert said in reports[0]
    assert "No space left on device" in reports[0]
    assert reports[1:] == [] or re.search(r"failed in [1-9]\d* of \d+ calls$", reports[1])
    assert len(reports) == (1 if "left out" in said else 2)


@pytest.mark.slow
def test_wherever_in_aims_files_the_disk_is_full_the_run_ends(box: Sandbox, experiment: Path, tmp_path: Path) -> None:
    for size in [*range(100, 2000, 200), *range(2000, 6000, 500)]:
        disk = tmp_path / f"{size}k"
        box.mount(disk, disk.name)
        aim = f"observers=[{{use: aim, repo: {disk}}}, {{use: sample-grid, every: 20, count: 900}}, {OFF}]"
        done = box.gankit("run", experiment, "--out", tmp_path / f"run-{size}", "--set", aim)
        assert done.code == 0, (size, done.said)
        assert "observer aim/aim failed" in done.said, size


@pytest.mark.slow
def test_a_repository_that_cannot_be_written_to_does_not_stop_a_run(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(empty_repository().name, tmp_path / "readonly")
    box.protect(tmp_path / "readonly")
    done = box.gankit("run", experiment, "--out", tmp_path / "run", *aim_in(tmp_path / "readonly"))
    assert done.code == 0, done.said
    assert is_whole(tmp_path / "run", whole)
    (report,) = complaints(done)
    assert report.startswith("gankit: observer aim/aim failed to begin, and is left out: OSError: ")
    assert "Read-only file system" in report


FILLER = '''
from pathlib import Path
from gankit import Observer, Callback, hookimpl

class Filler(Observer):
    """Leaves no room in a folder, not even for a name."""

    folder: str

    def callback(self, run):
        return Filling(Path(self.folder))

class Filling(Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_update(self, progress, scalars):
        if progress.images == 240:
            try:
                with (self.folder / "filler").open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            except OSError:
                pass
            try:
                for number in range(10**6):
                    (self.folder / f"filler-{number}").touch()
            except OSError:
                pass

@hookimpl
def gankit_register(register):
    register("filler", Filler)
'''


@pytest.mark.slow
def test_a_repository_without_room_for_another_file_does_not_stop_a_run(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "filler.py").write_text(FILLER)
    disk = tmp_path / "disk"
    box.mount(disk, "9m,nr_inodes=500")
    aim = f"observers=[{{use: aim, repo: {disk}}}, {{use: filler, folder: {disk}}}, {OFF}]"
    plugin = ["--plugin", tmp_path / "filler.py"]
    done = box.gankit("run", experiment, "--out", tmp_path / "run", *plugin, "--set", aim)
    assert done.code == 0, done.said
    assert is_whole(tmp_path / "run", whole)
    assert "gankit: observer aim/aim failed in 'on_close': Aim has shown no sign of life for 60 seconds" in done.said
    assert re.search(r"^gankit: observer aim/aim failed in [1-9]\d* of \d+ calls$", done.said, re.MULTILINE)


@pytest.mark.slow
def test_a_full_disk_under_the_pictures_does_not_stop_a_run(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    run = begun(tmp_path / "run")
    box.mount(run / "samples", "16k")
    done = box.gankit(
        "run", experiment, "--out", run, "--set", f"observers=[{{use: sample-grid, every: 40, count: 4}}, {OFF}]"
    )
    assert done.code == 0, done.said
    assert is_whole(run, whole)
    first, last = complaints(done)
    assert "observer observers/sample-grid failed in 'on_update': OSError: [Errno 28] No space left on device" in first
    assert re.search(r"observer observers/sample-grid failed in [1-9]\d* of \d+ calls$", last)
    kept = box.copied(run / "samples", tmp_path / "kept")
    assert [file.name for file in kept.iterdir() if Image.open(file).verify()] == []
    assert (kept / "00000040-4x4.png").exists()


def begun(run: Path) -> Path:
    """A folder that gankit takes for a run that was killed right at its beginning, into which disks can be put."""
    run.mkdir()
    (run / ".lock").touch()
    return run


BROKEN = '''
from gankit import Metric, Observer, Callback, hookimpl

class Broken(Observer):
    """Raises whatever it is told."""

    def callback(self, run):
        return Breaking()

class Breaking(Callback):
    def __getattribute__(self, name):
        raise ZeroDivisionError(name)

class Unmeasurable(Metric):
    """Raises whatever it is to measure."""

    needs = frozenset({"statistics"})

    def evaluate(self, samples):
        raise ArithmeticError("no number")

@hookimpl
def gankit_register(register):
    register("broken", Broken)
    register("unmeasurable", Unmeasurable)
'''


@pytest.mark.slow
def test_observers_and_metrics_that_always_raise_do_not_stop_a_run(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    broken = ["--plugin", tmp_path / "broken.py", "--set", f"observers=[broken, {OFF}]", "--no-rehearsal"]
    metrics = ["--set", "evaluation.metrics=[unmeasurable, fid]"]
    done = box.gankit("run", experiment, "--out", tmp_path / "run", *broken, *metrics)
    assert done.code == 0, done.said
    assert is_whole(tmp_path / "run", whole) is False, "it has a FID"
    assert [row["images"] for row in rows(tmp_path / "run") if row["name"] == "fid"] == [240, 480]
    assert re.findall(r"^gankit: (.*) failed.*: (\w+Error): ", done.said, re.MULTILINE) == [
        ("observer broken/broken", "ZeroDivisionError"),
        ("metric broken/unmeasurable", "ArithmeticError"),
    ]
    counts = dict(re.findall(r"^gankit: (.*) failed in (\d+ of \d+) calls$", done.said, re.MULTILINE))
    assert counts["metric broken/unmeasurable"] == "2 of 2"
    failed, calls = counts["observer broken/broken"].split(" of ")
    assert failed == calls
    assert "Traceback" not in done.said


@pytest.mark.slow
def test_a_full_disk_under_the_checkpoints_stops_a_run_until_there_is_room(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    run = begun(tmp_path / "run")
    box.mount(run / "checkpoints", "400k")
    stops_until_there_is_room(box, box.gankit("run", experiment, "--out", run), run, run / "checkpoints", tmp_path)
    assert files(box.copied(run, tmp_path / "finished")) == files(whole)


@pytest.mark.slow
def test_a_full_disk_under_the_numbers_stops_a_run_until_there_is_room(
    box: Sandbox, experiment: Path, whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    box.mount(run, "32k")
    box.shell("touch", run / ".lock")
    box.mount(run / "checkpoints", "9m")
    stops_until_there_is_room(box, box.gankit("run", experiment, "--out", run), run, run, tmp_path)
    assert files(box.copied(run, tmp_path / "finished")) == files(whole)


def stops_until_there_is_room(box: Sandbox, done: Done, run: Path, full: Path, tmp_path: Path) -> None:
    """Assert that a run whose folder `full` is full has stopped, is in order, and goes on when that has room."""
    assert done.code == 1, done.said
    cannot = "cannot write to .*/metrics.jsonl" if full == run else "cannot write a checkpoint to .*/checkpoints"
    remedy = f"make room, then go on from the last checkpoint with: gankit resume {run}"
    (said,) = complaints(done)
    assert re.fullmatch(f"gankit: {cannot}: No space left on device; {remedy}", said)
    kept = store.found(box.copied(run / "checkpoints", tmp_path / "kept"))
    assert 60 <= store.read(kept[-1]).manifest["images"] < 480
    still = box.gankit("resume", run)
    assert still.code in (1, 2)
    assert "No space left on device" in still.said.splitlines()[-1]
    assert "Traceback" not in still.said
    box.mount(full, "9m")
    done = box.gankit("resume", run)
    assert done.code == 0, done.said
