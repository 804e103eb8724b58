"""What TensorBoard cannot write, and a process of its that hangs or dies, costs the run nothing."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from support import driven
from support.driven import DrivenRun
from support.slow import slow_but
from support.tracked import Here
from support.workers import working_process

import gankit_tensorboard.observers
from gankit.core import worker

pytest.importorskip("tensorboard")


def driven_run(folder: Path) -> DrivenRun:
    experiment = driven.experiment(use="tensorboard")
    driven.write_experiment(folder, experiment)
    return DrivenRun(folder, experiment.observers, experiment)


def test_what_cannot_be_written_is_reported_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gankit_tensorboard.observers, "Worker", Here)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tensorboard").write_text("mine")
    run = driven_run(tmp_path / "one")
    run.train()
    run.callbacks.on_close()
    assert run.images == 2000
    (report,) = capsys.readouterr().err.splitlines()
    assert "observer tensorboard/tensorboard failed to begin, and is left out: FileExistsError" in report
    assert (tmp_path / "one" / "tensorboard").read_text() == "mine"


@pytest.mark.parametrize("number", slow_but([signal.SIGKILL], [signal.SIGSTOP, signal.SIGKILL]))
def test_the_process_that_writes_may_hang_or_die(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run = driven_run(tmp_path / "one")
    process = working_process()
    process.send_signal(number)
    began = time.monotonic()
    run.train()
    assert time.monotonic() - began < worker.PATIENCE / 6, "it was waited for"
    if process.is_running():
        process.kill()
    run.callbacks.on_close()
    assert run.images == 2000
    first, *_ = capsys.readouterr().err.splitlines()
    assert re.search(r"failed in '\w+': the process in which TensorBoard runs has ended", first)
    assert not process.is_running()
