"""Runs in Aim are read back without its server, and whatever happens to Aim does not happen to the run."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aim
import numpy as np
import pytest
from PIL import Image
from support import driven
from support.command import QUIET
from support.driven import DrivenRun
from support.full_disk import full_disk
from support.slow import slow_but
from support.tiny import tiny
from support.tracked import SILENT, driven_run, empty_repository, entered, only_run
from support.workers import Here, caught_up, working_process

from gankit import UserError
from gankit.core import worker
from gankit.core.worker import Worker
from gankit.data.pictures import grid
from gankit.results.tracking import series
from gankit.runs import start
from gankit_aim import observers
from gankit_aim.bookmarks import RESOLUTION, STAGE, STUDY, views
from gankit_aim.reader import read_repositories

LOSSES = list(range(100, 2001, 100))
"""Images shown at which losses are recorded in a whole run."""


@pytest.fixture(autouse=True)
def _aim_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Here)


def completed(folder: Path, **options: Any) -> DrivenRun:
    run = driven_run(folder, **options)
    run.train()
    run.callbacks.on_close()
    return run


def series_of(repo: Path, name: str) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Run name to context to (step, value) of every series called `name`, as a query finds them."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for run in aim.Repo(str(repo)).query_metrics(f'metric.name == "{name}"', report_mode=SILENT).iter_runs():
        for metric in run:
            steps, (values, *_) = metric.data.numpy()
            context = str(metric.context.to_dict())
            points = list(zip(steps.tolist(), values.tolist(), strict=True))
            found.setdefault(metric.run.name, {})[context] = points
    return found


def test_a_closed_run_is_found_at_once_with_its_steps_in_order(tmp_path: Path) -> None:
    completed(tmp_path / "one")
    losses = series_of(tmp_path, "loss.generator")
    assert losses == {"one": {"{}": [(images, pytest.approx(1 / images)) for images in LOSSES]}}
    assert series_of(tmp_path, "fid") == {
        "one": {
            "{'resolution': 4}": [(400, pytest.approx(2 / 400))],
            "{'resolution': 8}": [(1200, pytest.approx(2 / 1200))],
            "{'resolution': 16}": [(2000, pytest.approx(2 / 2000))],
        }
    }


def test_options_are_params_and_nothing_else_is_collected(tmp_path: Path) -> None:
    run = completed(tmp_path / "one")
    tracked = only_run(tmp_path)
    assert (tracked.name, tracked.experiment) == ("one", "tiny")
    assert tracked["folder"] == str(run.folder)
    assert tracked["hparams", "loss", "use"] == "wgan/wgan"
    assert tracked["hparams", "regularizers", 0, "weight"] == 10
    assert tracked["hparams"] == run.experiment.model_dump(mode="json")
    assert tracked["protocol"] == {"images": 100, "extractor": "digits@3f82a0", "seed": 0}
    collected: Any = tracked[...]
    assert set(collected) == {"begun", "folder", "hparams", "protocol", "study", "variant", "seed", "stage"}
    assert {metric.name for metric in tracked.metrics()} == {
        *("loss.discriminator", "loss.generator", "score.real"),
        *("fid", "is", "reals.fid_floor"),
    }


def test_runs_can_be_grouped_and_chosen_by_what_they_are(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "one")
    run.train(until=900)
    entered(tmp_path)
    tracked = only_run(tmp_path)
    assert [tracked[name] for name in ("study", "variant", "seed", "stage")] == ["tiny", "one", 0, 2], "no study's"
    run.train()
    run.callbacks.on_close()
    of_study = {"name": "losses", "variant": "loss=hinge", "seed": 7}
    experiment = driven.experiment(use="aim", repo=str(tmp_path)).model_copy(update=of_study)
    other = DrivenRun(tmp_path / "losses" / "loss=hinge" / "seed-7", experiment.observers, experiment)
    other.train()
    other.callbacks.on_close()
    query = 'run.study == "losses" and run.variant == "loss=hinge" and run.seed == 7 and run.stage == 3'
    found: list[Any] = list(aim.Repo(str(tmp_path)).query_runs(query, report_mode=SILENT).iter_runs())
    assert [(one.run.name, one.run.experiment) for one in found] == [("loss=hinge/seed-7", "losses")]


def test_pictures_are_tracked_by_resolution(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "one")
    for images in (400, 800, 1200):
        run.images = images
        run.show(f"{images:08d}-4x4", grid(run.sample(6, 0)), "6 images of each class: 0=cat" if images == 800 else "")
    run.callbacks.on_close()
    (found,) = aim.Repo(str(tmp_path)).query_images("images.name == 'samples'", report_mode=SILENT).iter_runs()
    by_resolution = {sequence.context["resolution"]: sequence.data.numpy() for sequence in found}
    assert {resolution: steps.tolist() for resolution, (steps, _) in by_resolution.items()} == {
        4: [400],
        8: [800, 1200],
    }
    picture = by_resolution[4][1][0][0]
    saved = Image.open(run.folder / "samples" / "00000400-4x4.png")
    assert np.array_equal(np.asarray(picture.to_pil_image()), np.asarray(saved))
    assert picture.caption == "00000400-4x4"
    assert by_resolution[8][1][0][0].caption == "00000800-4x4: 6 images of each class: 0=cat"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("00000400-4x4", "samples"), ("00000400-attention-16x16", "attention"), ("truncation", "truncation")],
)
def test_the_name_of_a_picture_tells_its_series(name: str, expected: str) -> None:
    assert series(name) == expected


def test_stages_at_one_resolution_are_told_apart(tmp_path: Path) -> None:
    plan = [{"resolution": 4, "images": 8, "name": "burn-in"}, {"resolution": 4, "images": 8}]
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    watching = ["aim", {"use": "sample-grid", "count": 4}, *QUIET]
    experiment = tiny(growth={"use": "stages", "plan": plan}, evaluation=evaluation, observers=watching)
    shutil.copytree(empty_repository().name, tmp_path, dirs_exist_ok=True)
    start.begin(experiment, tmp_path / "one").train()
    contexts = [{"resolution": 4, "stage": "burn-in"}, {"resolution": 4}]
    fids = series_of(tmp_path, "fid")["one"]
    assert {context: [step for step, _ in points] for context, points in fids.items()} == {
        str(contexts[0]): [8],
        str(contexts[1]): [16],
    }
    (found,) = aim.Repo(str(tmp_path)).query_images("images.name == 'samples'", report_mode=SILENT).iter_runs()
    assert {str(sequence.context.to_dict()) for sequence in found} == set(map(str, contexts))
    (read,) = read_repositories([tmp_path / ".aim"])
    assert [stage.label for stage in read.stages] == ["4x4 burn-in", "4x4"]
    board, *_ = views([read])
    assert board.state["grouping"]["chart"] == [RESOLUTION, STAGE, STUDY]


def test_repository_and_experiment_can_be_chosen(tmp_path: Path) -> None:
    completed(tmp_path / "runs" / "one", repo=str(tmp_path / "elsewhere"), experiment="losses")
    assert only_run(tmp_path / "elsewhere").experiment == "losses"
    assert not (tmp_path / "runs" / ".aim").exists()


def begin(folder: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    command = [sys.executable, driven.__file__, str(folder), str(pause)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_that_begin_at_once_share_a_new_repository(tmp_path: Path) -> None:
    processes = [begin(tmp_path / str(number)) for number in range(4)]
    assert [process.communicate(timeout=300)[1] for process in processes] == [""] * 4
    completed(tmp_path / "after")
    losses = series_of(tmp_path, "loss.generator")
    assert sorted(losses) == ["0", "1", "2", "3", "after"]
    assert all([step for step, _ in points["{}"]] == LOSSES for points in losses.values())


@pytest.mark.slow
def test_what_was_tracked_outlives_a_kill(tmp_path: Path) -> None:
    process = begin(tmp_path / "killed", pause=0.1)
    deadline = time.monotonic() + 300
    while not points(tmp_path):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    shown = points(tmp_path)
    assert [step for step, _ in shown] == LOSSES[: len(shown)]
    assert shown[-1][0] < LOSSES[-1]
    while list((tmp_path / ".aim" / "locks").glob("*.softlock")):  # the process in which Aim runs closes its run
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert only_run(tmp_path).end_time is not None
    completed(tmp_path / "after")
    assert [step for step, _ in series_of(tmp_path, "loss.generator")["after"]["{}"]] == LOSSES


def points(repo: Path) -> list[tuple[int, float]]:
    """The generator's losses that were tracked so far in a run that may be live."""
    if not (repo / ".aim" / "VERSION").exists():
        return []
    entered(repo)
    return series_of(repo, "loss.generator").get("killed", {}).get("{}", [])


def test_a_full_disk_is_reported_once_and_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = driven_run(tmp_path / "one")
    with full_disk():
        run.train()
        first = capsys.readouterr().err.splitlines()
        run.callbacks.on_close()
    assert run.images == 2000
    assert len(first) == 1
    assert "observer aim/aim failed in 'on_rows'" in first[0]
    assert "failed in" in capsys.readouterr().err.splitlines()[-1]


def test_a_repository_that_cannot_be_made_is_reported_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    run = completed(tmp_path / "one", repo=str(tmp_path / "file"))
    assert run.images == 2000
    (report,) = capsys.readouterr().err.splitlines()
    assert "observer aim/aim failed to begin, and is left out: nothing of the run is shown: FileExistsError" in report
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("number", slow_but([signal.SIGKILL], [signal.SIGSTOP, signal.SIGKILL]))
def test_the_process_in_which_aim_runs_may_hang_or_die(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(observers, "Worker", Worker)
    run = driven_run(tmp_path / "one")
    run.train(until=500)
    process, told = working_process(), caught_up(run)
    if number == signal.SIGSTOP:
        told._patience = 0.5
    process.send_signal(number)
    run.train()
    run.callbacks.on_close()
    assert run.images == 2000
    first, last = capsys.readouterr().err.splitlines()
    how = "no sign of life for 0 seconds" if number == signal.SIGSTOP else "the process in which Aim runs has ended"
    assert re.search(r"observer aim/aim failed in '\w+': ", first)
    assert how in first
    assert re.search(r"failed in [1-9]\d* of ", last)
    assert not process.is_running()


def test_nobody_waits_for_what_aim_writes_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Worker)
    run = driven_run(tmp_path / "one")
    process = working_process()
    process.suspend()
    began = time.monotonic()
    run.train()
    assert time.monotonic() - began < worker.PATIENCE / 2
    process.resume()
    run.callbacks.on_close()
    assert [step for step, _ in series_of(tmp_path, "loss.generator")["one"]["{}"]] == LOSSES


def test_what_no_pipe_can_carry_fails_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    hands_on = Worker("gankit_aim.mirror:Mirror", tmp_path, {}, (str(tmp_path), "experiment"), (), called="Aim")
    hands_on.tell("record", [lambda: None])
    with pytest.raises(UserError, match="lambda"):
        hands_on.call("close")
    hands_on.call("close")
    hands_on.end()


def test_nothing_is_tracked_after_the_end(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "one")
    run.train(until=300)
    run.callbacks.on_close()
    run.train()
    run.show("00002000-16x16", grid(run.sample(1, 0)))
    run.callbacks.on_close()
    assert [step for step, _ in series_of(tmp_path, "loss.generator")["one"]["{}"]] == [100, 200, 300]
    assert only_run(tmp_path).end_time is not None
