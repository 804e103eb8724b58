"""Aim shows a run that was resumed or rolled back once, as if that had not been."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aim
import numpy as np
import pytest
from support import driven
from support.command import gankit
from support.damaging import DAMAGES, damage, soon
from support.driven import DrivenRun
from support.slow import slow_but
from support.tiny import tiny
from support.tracked import (
    driven_run,
    empty_repository,
    entered,
    events_of,
    expected,
    hashes,
    is_shown_once,
    left,
    noted,
    only_run,
    pictures_in,
    pictures_of,
    resumed,
    series_of,
)
from support.workers import Here

from gankit.config.yaml.writer import dump_experiment
from gankit.core.registry import restored
from gankit.runs.rows import read_rows
from gankit.runs.start import begin, resume
from gankit_aim import mirror, observers
from gankit_aim.mirror import LEDGER

TRACKED = ["aim", {"use": "sample-grid", "every": 16, "count": 4}]
OPTIONS: dict[str, Any] = {
    "observers": TRACKED,
    "evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24},
    "checkpoints": {"every": 40},
}
KILLER = '''
import os, psutil, signal
from gankit import Observer, Callback, hookimpl

class Killer(Observer):
    """Kills the run at some images, and the process in which Aim runs."""

    at: int

    def callback(self, run):
        return Killing(self.at)

class Killing(Callback):
    def __init__(self, at):
        self.at = at

    def on_update(self, progress, scalars):
        if progress.images == self.at:
            for process in psutil.Process().children():
                process.kill()
            os.kill(os.getpid(), signal.SIGKILL)

@hookimpl
def gankit_register(register):
    register("killer", Killer)
'''


@pytest.fixture(autouse=True)
def _aim_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Here)


@pytest.fixture(autouse=True)
def _registries() -> Iterator[None]:
    with restored():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(empty_repository().name, folder.parent, dirs_exist_ok=True)
    begin(tiny(**OPTIONS), folder).train()
    return folder


def is_shown(run: Path, repo: Path | None = None) -> None:
    """Assert that Aim shows what the run's folder holds, once."""
    repo = repo or run.parent
    (run_hash,) = hashes(repo)
    assert series_of(repo, run_hash) == expected(read_rows(run / "metrics.jsonl"))
    shown, there = pictures_of(repo, run_hash), pictures_in(run)
    assert sorted(shown) == sorted(there)
    assert all(np.array_equal(shown[key], there[key]) for key in there)


@pytest.mark.slow
def test_a_run_that_was_killed_is_shown_as_one_that_was_not(tmp_path: Path, whole: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    experiment = tmp_path / "killed.yaml"
    experiment.write_text(dump_experiment(tiny(**OPTIONS)))
    killer = f'observers=[{json.dumps(TRACKED)[1:-1]}, {{"use": "killer", "at": 72}}]'
    run = tmp_path / "runs" / "run"
    done = gankit(["run", experiment, "--plugin", tmp_path / "killer.py", "--set", killer, "--out", run], tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    entered(run.parent)
    (before,) = hashes(run.parent)
    assert list((run.parent / ".aim" / "locks").glob(f"{before}*")), "it left its lock"
    abandoned = read_rows(run / "metrics.jsonl")
    assert max(row.images for row in abandoned) == 72
    assert series_of(run.parent, before)["loss.generator", "{}"][-1][0] == 72

    resumed = resume(run, [f"observers={json.dumps(TRACKED)}"])
    assert resumed is not None
    assert max(row.images for row in resumed.rows) == 40, "the last checkpoint"
    resumed.train()
    is_shown(run)
    assert hashes(run.parent) != [before]
    after, undisturbed = only_run(run.parent), only_run(whole.parent)
    assert series_of(run.parent, after.hash) == series_of(whole.parent, undisturbed.hash)
    assert sorted(pictures_of(run.parent, after.hash)) == sorted(pictures_of(whole.parent, undisturbed.hash))
    assert after["protocol"] == undisturbed["protocol"]
    assert after["hparams"] == resumed.experiment.model_dump(mode="json")
    assert not list((run.parent / ".aim").glob(f"*/*/{before}")), "nothing of it is left"
    assert not list((run.parent / ".aim" / "locks").glob(f"{before}*"))


def test_a_finished_run_that_is_extended_is_shown_once(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole.parent, tmp_path / "runs")
    run = tmp_path / "runs" / "run"
    for end in (128, 160):
        resumed = resume(run, extend=32)
        assert resumed is not None
        resumed.train()
        is_shown(run)
        assert max(row.images for row in read_rows(run / "metrics.jsonl")) == end
        assert only_run(run.parent)["hparams", "training", "extend"] == end - 96
    assert len(noted(run)) == 1


def test_a_finished_run_that_is_measured_late_is_shown_with_what_came_of_it(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole.parent, tmp_path / "runs")
    run = tmp_path / "runs" / "run"
    measured = resume(run, ["evaluation.metrics=[fid, is]"])
    assert measured is not None
    measured.train()
    is_shown(run)
    assert "is" in {name for name, _ in series_of(run.parent, only_run(run.parent).hash)}


def test_what_is_void_is_not_shown(tmp_path: Path) -> None:
    run = resumed(left(tmp_path / "run"))
    assert [picture.name for picture in run.pictures] == ["00000300-samples"]
    is_shown_once(run)
    run = resumed(run, images=0)
    assert run.pictures == []
    is_shown_once(run)


def test_a_run_that_is_rolled_back_is_shown_as_it_stands_and_with_what_happened(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "run")
    run.train(until=300)
    run.show("00000300-samples", run.sample(1, 0)[0])
    for attempt in (1, 2):
        run.train(until=900)
        run.show("00000900-samples", run.sample(1, 0)[0])
        run.log_event("guard.not-finite", float("inf"), f"loss of attempt {attempt} is infinite")
        run.go_back(images=500)
        run.callbacks.on_rollback(run.progress)
        run.log_event("rolled-back", attempt, "for that")
        assert max(step for step, _ in series_of(tmp_path, hashes(tmp_path)[0])["loss.generator", "{}"]) == 500
    run.train()
    run.callbacks.on_close()
    is_shown_once(run)
    assert events_of(tmp_path, hashes(tmp_path)[0]) == {
        500: ["rolled-back: for that"] * 2,
        900: [f"guard.not-finite: loss of attempt {attempt} is infinite" for attempt in (1, 2)],
    }


@pytest.mark.slow
def test_a_run_killed_while_it_is_replayed_is_shown_once(tmp_path: Path) -> None:
    before = left(tmp_path / "run")
    command = [sys.executable, "-c", DIES_WHILE_REPLAYED, str(before.folder)]
    for _ in range(2):
        died = subprocess.run(
            command, cwd=Path(driven.__file__).parents[1], capture_output=True, text=True, check=False
        )
        assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(noted(before.folder)) == 3
    assert len(aim.Repo(str(tmp_path)).list_all_runs()) == 3
    is_shown_once(resumed(before))


DIES_WHILE_REPLAYED = """
import os, signal, sys
from pathlib import Path
from support import driven
from support.workers import Here
from gankit_aim import observers

class Deadly:
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(driven.DrivenRun):
    pictures = property(lambda run: Deadly(), lambda run, pictures: None)

observers.Worker = Here
experiment = driven.experiment(use="aim")
Dying(Path(sys.argv[1]), experiment.observers, experiment)
"""


def test_nothing_is_begun_that_could_not_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mirror, "write_at_once", full)
        run = driven_run(tmp_path / "run")
    assert "failed to begin, and is left out" in capsys.readouterr().err
    assert aim.Repo(str(tmp_path)).list_all_runs() == []
    run.train()


@pytest.mark.parametrize("how", slow_but(["a pipe", "a folder", "a digit changed"], DAMAGES))
def test_a_damaged_ledger_is_kept_and_a_new_one_begun(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, ledger, other = left(tmp_path / "run"), tmp_path / "run" / LEDGER, tmp_path / "other"
    other.write_text("{}")
    damage(ledger, how, other)
    with soon():
        run = resumed(before)
    said = capsys.readouterr().err
    (shown,) = noted(tmp_path / "run")
    assert "failed" not in said
    assert series_of(tmp_path, shown) == expected(run.rows)
    kept = tmp_path / "run" / "aim.json.damaged"
    assert (
        os.path.lexists(kept) == ("so this run may be shown more than once" in said) == (f"kept as {kept.name}" in said)
    )


@pytest.mark.slow
def test_two_observers_show_a_run_once_each(tmp_path: Path) -> None:
    experiment = driven.experiment(use="aim")
    other = driven.experiment(use="aim", repo=str(tmp_path / "other"))
    both = [*experiment.observers, *other.observers]
    experiment = experiment.model_copy(update={"observers": both})
    run = None
    for until in (900, 2000):
        if run is not None:
            run.go_back(500)
        run = DrivenRun(tmp_path / "run", both, experiment, before=run)
        run.train(until=until)
        run.callbacks.on_close()
        for repo in (tmp_path, tmp_path / "other"):
            (run_hash,) = hashes(repo)
            assert series_of(repo, run_hash) == expected(run.rows)


def test_a_replay_that_fails_leaves_what_was_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(tmp_path / "run")
    shown = hashes(tmp_path)
    before.rows.insert(3, before.rows[3]._replace(value="no number"))  # pyright: ignore[reportArgumentType]
    resumed(before)
    assert "nothing of the run is shown: ValueError: Input type <class 'str'> is neither" in capsys.readouterr().err
    assert hashes(tmp_path) == shown == noted(tmp_path / "run")


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_picture_that_cannot_be_read_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    before = left(tmp_path / "run")
    picture = tmp_path / "run" / "samples" / "00000300-samples.png"
    picture.unlink()
    if content is not None:
        picture.write_bytes(content)
    run = resumed(before)
    assert f"aim: pictures that cannot be read are no longer shown: {picture}\n" in capsys.readouterr().err
    (run_hash,) = hashes(tmp_path)
    assert (series_of(tmp_path, run_hash), pictures_of(tmp_path, run_hash)) == (expected(run.rows), {})
