"""A tracker that raises, hangs or dies costs a run nothing, whichever it is; test_aim.py shows more of Aim's."""

from __future__ import annotations

import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import driven
from support.command import QUIET
from support.driven import DrivenRun
from support.full_disk import fill_disk_of, full_disk
from support.recorders import recorder, recorders_here
from support.tiny import tiny
from support.workers import Here, caught_up, working_process

import gankit
import gankit_tensorboard.observers
import gankit_wandb_like.observers
from gankit import Callback
from gankit.core import worker
from gankit.core.progress import Progress
from gankit.kinds.callbacks import RunContext
from gankit.results.tracking import Tracker

pytest.importorskip("tensorboard")

CALLED = {"tensorboard": "TensorBoard", "recorder": "recorder"}
"""What messages call a tracker, by what it is called here; `recorder` is a module of others."""
PATIENCE = 20.0
"""Seconds after which a tracker is given up that hangs after it has begun."""


@pytest.fixture(autouse=True)
def _recorders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with recorders_here(tmp_path, monkeypatch):
        yield


def driven_run(folder: Path, name: str) -> DrivenRun:
    observer = {**recorder(folder.parent), "patience": 60.0} if name == "recorder" else {"use": name}
    experiment = driven.experiment(**observer)
    driven.write_experiment(folder, experiment)
    return DrivenRun(folder, experiment.observers, experiment)


def test_what_tensorboard_cannot_write_is_reported_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gankit_tensorboard.observers, "Worker", Here)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tensorboard").write_text("mine")
    run = driven_run(tmp_path / "one", "tensorboard")
    run.train()
    run.callbacks.on_close()
    assert run.images == 2000
    (report,) = capsys.readouterr().err.splitlines()
    assert "observer tensorboard/tensorboard failed to begin, and is left out: FileExistsError" in report
    assert (tmp_path / "one" / "tensorboard").read_text() == "mine"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of the thread of TensorBoard's
@pytest.mark.parametrize("name", CALLED)
def test_a_full_disk_is_reported_and_the_run_goes_on(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (gankit_tensorboard.observers, gankit_wandb_like.observers):
        monkeypatch.setattr(module, "Worker", Here)
    run = driven_run(tmp_path / "one", name)
    with full_disk():
        run.train()
        run.callbacks.on_close()
    assert run.images == 2000
    first, *rest = capsys.readouterr().err.splitlines()
    assert re.search(r"observer \S+ failed in 'on_\w+': .*File too large", first)
    assert len(rest) <= 1, "it is said once, and summed up"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("name", CALLED)
def test_the_process_in_which_it_runs_may_hang_or_die(
    tmp_path: Path, name: str, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    run = driven_run(tmp_path / "one", name)
    process, told = working_process(), caught_up(run)
    if number == signal.SIGSTOP:
        told._patience = 0.5
    process.send_signal(number)
    run.train()
    run.callbacks.on_close()
    assert run.images == 2000
    first, *rest = capsys.readouterr().err.splitlines()
    how = "has shown no sign of life for 0 seconds" if number == signal.SIGSTOP else "has ended"
    assert re.search(rf"observer \S+ failed in '\w+': .*{CALLED[name]}.* {how}", first)
    assert len(rest) <= 1
    assert not process.is_running()


@pytest.mark.parametrize("name", CALLED)
def test_training_waits_for_none_that_hangs(tmp_path: Path, name: str) -> None:
    run = driven_run(tmp_path / "one", name)
    process = working_process()
    process.suspend()
    began = time.monotonic()
    run.train()
    assert time.monotonic() - began < worker.PATIENCE / 2
    process.kill()
    run.callbacks.on_close()


class Strike(Callback):
    """Lets the processes of all trackers fail after the first stage, once they have shown it."""

    def __init__(self, run: RunContext, strike: Callable[[psutil.Process], None]) -> None:
        self._run: Any = run
        self._strike = strike
        self.struck: list[str] = []
        self.seconds = 0.0
        """From then to the end of training."""
        self._began = 0.0

    def on_stage_end(self, progress: Progress) -> None:
        if self.struck:
            return
        tracking: dict[str, Any] = {
            label: callback._worker
            for label, callback in self._run._callbacks.by_label.items()
            if isinstance(callback, Tracker)
        }
        for worker_of_one in tracking.values():
            worker_of_one.call("record", [])  # over when all before it is
            worker_of_one._patience = PATIENCE
        for worker_of_one in tracking.values():
            self._strike(psutil.Process(worker_of_one._process.pid))
        self.struck, self._began = [*tracking], time.monotonic()

    def on_finish(self) -> None:
        self.seconds = time.monotonic() - self._began


def came_out(run: Path) -> dict[str, bytes]:
    """All that a run has recorded, drawn and learned."""
    files = [run / "metrics.jsonl", *run.glob("samples/*.png"), *run.glob("checkpoints/*/*.safetensors")]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the disk of another process cannot be filled here")
@pytest.mark.parametrize(
    ("strike", "how"),
    [
        (fill_disk_of, "File too large"),
        (psutil.Process.suspend, "has shown no sign of life for 20 seconds and was given up"),
    ],
    ids=["raises", "hangs"],
)
def test_a_run_in_all_at_once_comes_to_the_same_bits_and_waits_for_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    strike: Callable[[psutil.Process], None],
    how: str,
) -> None:
    pytest.importorskip("aim")
    pytest.importorskip("trackio")
    from support.tracked import empty_repository

    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    watching = [{"use": "sample-grid", "count": 4}, *QUIET]
    options: dict[str, Any] = {"evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 16}}
    gankit.train(tiny(observers=watching, **options), tmp_path / "without", rehearsal=False)
    shutil.copytree(empty_repository().name, tmp_path / "with")
    trackers = ["aim", "tensorboard", "trackio", recorder(tmp_path)]
    struck: list[Strike] = []

    def callback(run: RunContext) -> Strike:
        struck.append(Strike(run, strike))
        return struck[-1]

    capsys.readouterr()
    experiment = tiny(observers=[*trackers, *watching], **options)
    gankit.train(experiment, tmp_path / "with" / "run", rehearsal=False, callback=callback)
    assert came_out(tmp_path / "with" / "run") == came_out(tmp_path / "without")
    (one,) = struck
    assert one.struck == ["aim/aim", "tensorboard/tensorboard", "wandb_like/trackio", "wandb_like/wandb-like"]
    assert one.seconds < PATIENCE / 1.5, "training waited for one"
    said = capsys.readouterr().err
    for label in one.struck:
        assert re.search(rf"observer {label} failed in 'on_\w+': .*{how}", said)
        assert re.search(rf"observer {label} failed in [1-9]\d* of ", said)
