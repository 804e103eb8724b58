"""Runs are read from Aim as from their folders, whatever became of them, without its server and without an index."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aim
import pytest
from plugins.test_aim_resume import DIES_WHILE_REPLAYED, KILLER, TRACKED
from support import driven
from support.command import gankit
from support.driven import DrivenRun
from support.tiny import tiny
from support.tracked import driven_run, empty_repository, left, noted, resumed
from support.workers import Here

from gankit import UserError
from gankit.config.yaml.writer import dump_experiment
from gankit.core.registry import restored
from gankit.kinds.callbacks import Row
from gankit.results.finder import gather
from gankit.results.run_results import RunResults, read_run
from gankit.runs.folder import RunFolder
from gankit.runs.start import begin
from gankit_aim import observers, repository

EVALUATION = {
    "metrics": ["fid", {"use": "is", "splits": 2}],
    "extractor": "digits",
    "images": 16,
    "every": 24,
    "quick": {"images": 8},
}


@pytest.fixture(autouse=True)
def _aim_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Here)


@pytest.fixture(autouse=True)
def _registries() -> Iterator[None]:
    with restored():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a study that was never indexed."""
    folder = tmp_path_factory.mktemp("runs") / "study" / "wgan" / "seed-3"
    patch = pytest.MonkeyPatch()
    patch.setattr(observers, "Worker", Here)
    patch.setattr(repository, "index", lambda *_: None)
    shutil.copytree(empty_repository().name, folder.parents[2], dirs_exist_ok=True)
    begin(tiny(seed=3, variant="wgan", evaluation=EVALUATION, observers=TRACKED), folder).train()
    patch.undo()
    return folder


@pytest.fixture(scope="module")
def home(whole: Path) -> Path:
    """The repository that it was tracked in."""
    return whole.parents[2] / ".aim"


def from_aim(place: Path) -> RunResults:
    """The one run that is tracked in a folder's repository."""
    (run,) = gather([place if place.name == ".aim" else place / ".aim"])
    return run


def fids(run: RunResults) -> dict[int, float]:
    return {row.images: row.value for row in run.rows if row.name in ("fid", "fid_quick")}


def as_text(rows: list[Row]) -> list[str]:
    """Rows to compare, though what is no number equals nothing."""
    return list(map(str, rows))


def test_a_run_is_read_from_aim_as_from_its_folder(whole: Path, home: Path) -> None:
    here, there = read_run(whole), from_aim(home)
    assert there.path == whole
    assert (there.name, there.variant, there.seed) == ("tiny", "wgan", 3)
    assert there.options == here.options
    assert str(there.options) == str(here.options), "the order"
    assert there.stages == here.stages
    assert [(stage.label, stage.complete) for stage in there.stages] == [("4x4", True), ("8x8", True)]
    assert [list(stage.metrics) for stage in there.stages] == [list(stage.metrics) for stage in here.stages]
    assert len(there.rows) == len(here.rows) > 50
    assert as_text(there.rows) == as_text(here.rows)
    assert (there.cost, there.total) == (here.cost, 96)
    assert there.plan == here.plan
    assert there.cost.parameters.keys() == {"generator", "discriminator"}


def test_the_source_of_plugins_is_told_in_aim(whole: Path, home: Path, tmp_path: Path) -> None:
    here, there = read_run(whole), from_aim(home)
    assert there.code == here.code
    assert {"pggan", "wgan", "images"} <= {code.plugin for code in there.code}
    shutil.copytree(home, tmp_path / ".aim")
    repo = aim.Repo(str(tmp_path))
    repository.index(repo, *noted(whole))
    tracked = repo.get_run(*noted(whole))
    assert tracked is not None
    told = list(map(str, here.code))
    assert tracked["plugins"] == told
    (wgan,) = [line for line in told if line.startswith("wgan: gankit ")]
    assert re.fullmatch(r"wgan: gankit [0-9.]+(, editable)?, source [0-9a-f]{12}", wgan)


def test_nothing_is_written_to_a_repository_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        files = {path: path.read_bytes() if path.is_file() else b"" for path in tmp_path.rglob("*")}
        return {path: (path.stat().st_mtime_ns, content) for path, content in files.items()}

    monkeypatch.setattr(repository, "index", lambda *_: None)
    run = finished(tmp_path / "run")
    shutil.rmtree(tmp_path / ".aim" / "meta" / "index")
    before = state()
    assert as_text(from_aim(tmp_path).rows) == as_text(run.rows)
    assert state() == before


@pytest.mark.slow
def test_a_run_that_was_killed_shows_the_same_in_aim_and_in_its_folder(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    experiment = tmp_path / "killed.yaml"
    experiment.write_text(dump_experiment(tiny(seed=3, variant="wgan", evaluation=EVALUATION)))
    observers = f'observers=[{json.dumps(TRACKED)[1:-1]}, {{"use": "killer", "at": 56}}]'
    run = tmp_path / "runs" / "study" / "wgan" / "seed-3"
    done = gankit(["run", experiment, "--plugin", tmp_path / "killer.py", "--set", observers, "--out", run], tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    here, there = read_run(run), from_aim(tmp_path / "runs" / ".aim")
    assert there.stages == here.stages
    assert [(stage.images, stage.complete) for stage in there.stages] == [(32, True), (48, False)]
    assert as_text(there.rows) == as_text(here.rows)
    assert there.cost == here.cost
    assert fids(there) == {images: fid for images, fid in fids(read_run(whole)).items() if images <= 48}


@pytest.mark.slow
def test_a_run_under_way_in_another_process_is_read(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, driven.__file__, str(tmp_path / "live"), "0.05"])
    try:
        deadline = time.monotonic() + 300
        while not (shown := _so_far(tmp_path)):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        assert shown.items() <= {400: 2 / 400, 1200: 2 / 1200, 2000: 2 / 2000}.items()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert shown.items() <= _so_far(tmp_path).items()


def _so_far(repo: Path) -> dict[int, float]:
    try:
        return fids(from_aim(repo))
    except UserError:  # not begun
        return {}


def test_what_is_recorded_at_odd_moments_comes_back(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "run")
    run.train(until=900)
    protocol = {"of": "generated", "metric": {"use": "fidelity/fid"}, "images": 7}
    odd = [
        Row(960, 2, 8, "fid", math.nan, driven.PROTOCOL),
        Row(980, 2, 8, "fid", 4.0, protocol),
        Row(980, 2, 8, "fid_floor", math.inf, {**protocol, "of": "held-out reals"}),
        Row(1220, 2, 8, "loss.generator", -math.inf),  # batches went past the end of the stage
    ]
    run.rows += odd
    run.callbacks.on_rows(odd)
    run.train()
    for note in ("a loss is infinite", "so is another"):
        run.log_event("guard.not-finite", math.inf, note)
    there = from_aim(tmp_path)  # while it is open
    run.callbacks.on_close()
    assert as_text(there.rows) == as_text(run.rows)
    assert as_text(from_aim(tmp_path).rows) == as_text(there.rows)


def test_a_run_that_was_rolled_back_comes_back_as_it_stands(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "run")
    run.train(until=1300)
    run.log_event("guard.not-finite", 3.0, "a loss is infinite")
    run.go_back(images=500)
    run.callbacks.on_rollback(run.progress)
    run.train(until=1100)
    run.callbacks.on_close()
    assert as_text(from_aim(tmp_path).rows) == as_text(run.rows)


@pytest.mark.slow
def test_of_several_aim_runs_of_one_folder_the_one_that_shows_it_counts(tmp_path: Path) -> None:
    before = left(tmp_path / "run")
    command = [sys.executable, "-c", DIES_WHILE_REPLAYED, str(before.folder)]
    subprocess.run(command, cwd=Path(driven.__file__).parents[1], check=False, capture_output=True)
    assert len(aim.Repo(str(tmp_path)).list_all_runs()) == 2
    assert as_text(from_aim(tmp_path).rows) == as_text(before.rows)
    shutil.rmtree(tmp_path / "run")  # made again it is another run
    again = left(tmp_path / "run", until=500)
    assert as_text(from_aim(tmp_path).rows) == as_text(again.rows)
    run = resumed(again, images=300)
    assert as_text(from_aim(tmp_path).rows) == as_text(run.rows)


def test_all_repositories_below_a_folder_are_read(tmp_path: Path) -> None:
    runs = [finished(tmp_path / "runs" / variant / "seed-0") for variant in ("hinge", "wgan")]
    for run in runs:
        shutil.rmtree(run.folder)
    assert [run.path for run in gather([tmp_path])] == [run.folder for run in runs]
    assert [run.path for run in gather([tmp_path / "runs" / "wgan" / ".aim", tmp_path])] == [
        run.folder for run in reversed(runs)
    ]


def finished(folder: Path) -> DrivenRun:
    run = driven_run(folder)
    run.train()
    run.callbacks.on_close()
    return run


def test_run_folders_win(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run").folder
    RunFolder(folder).record([Row(9, 1, 4, "fid", 7.0, driven.PROTOCOL)])  # another number than Aim's
    assert fids(from_aim(tmp_path)) == {400: 2 / 400, 1200: 2 / 1200, 2000: 2 / 2000}
    for places in ([tmp_path], [tmp_path / ".aim", folder], [folder, tmp_path / ".aim"], [tmp_path, tmp_path / ".aim"]):
        assert [fids(run) for run in gather(places)] == [{9: 7}]


def test_runs_of_others_are_left_out(tmp_path: Path) -> None:
    foreign = aim.Run(repo=str(tmp_path), system_tracking_interval=None, capture_terminal_logs=False)
    foreign["hparams"] = {"lr": 0.1}
    foreign.track(1.0, name="fid", step=3, context={"resolution": 4})
    foreign.close()
    with pytest.raises(UserError, match=r"\.aim: no run of gankit's is tracked there"):
        gather([tmp_path])
    run = finished(tmp_path / "mine")
    assert from_aim(tmp_path).path == run.folder


def test_a_run_that_cannot_be_read_is_reported_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished(tmp_path / "one")
    (damaged,) = (tmp_path / ".aim" / "meta" / "chunks").iterdir()
    other = finished(tmp_path / "two")
    (damaged / "CURRENT").write_text("nothing\n")
    assert from_aim(tmp_path).path == other.folder != run.folder
    assert f"gankit: aim: cannot read the run {damaged.name} in {tmp_path / '.aim'}" in capsys.readouterr().err


def test_a_server_is_not_read() -> None:
    with pytest.raises(UserError, match=r"^aim://localhost:53800 is a server .* on the machine that holds it$"):
        gather([Path("aim://localhost:53800")])


def test_without_aim_run_folders_are_read_all_the_same(whole: Path, home: Path) -> None:
    code = """
import sys
sys.modules["aim"] = None  # import aim fails
from pathlib import Path
from gankit import UserError
from gankit.results.finder import gather
folder, repository = map(Path, sys.argv[1:])
(run,) = gather([folder])
print([[row.images, row.value] for row in run.rows if row.name in ("fid", "fid_quick")])
try:
    gather([repository])
except UserError as mistake:
    print(mistake)
"""
    command = [sys.executable, "-c", code, str(whole), str(home)]
    numbers, said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert dict(json.loads(numbers)) == fids(read_run(whole)) == fids(from_aim(home))
    assert "aim is not installed" in said
    assert "name run folders instead" in said
