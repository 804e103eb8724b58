"""What becomes of a run whose background evaluator dies, and of an evaluator whose run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
from support.command import rows
from support.tiny import CPU, tiny

from gankit import UserError
from gankit.cli import main
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import Interrupted
from gankit.evaluation import background
from gankit.evaluation.background import BackgroundEvaluator, EvaluatorProcess
from gankit.runs.start import begin, resume
from gankit.runs.status import RunState, state_of

pytestmark = pytest.mark.costly

MEASURED: dict[str, Any] = {"metrics": ["fid"], "extractor": "digits", "images": 64, "every": 16}


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def measured(run: Path, **changes: Any) -> list[dict[str, Any]]:
    begin(tiny(evaluation=MEASURED | changes), run).train()
    return sorted((row for row in rows(run) if "protocol" in row), key=lambda row: (row["images"], row["name"]))


def killing(monkeypatch: pytest.MonkeyPatch, before: int, after: int) -> None:
    """Let the process be killed before one evaluation is submitted, and after another, as these are counted from 1."""
    submit, calls = BackgroundEvaluator.submit, []

    def submitting(evaluator: BackgroundEvaluator, *arguments: Any) -> None:
        calls.append(evaluator)
        if len(calls) == before:
            kill(evaluator)
        submit(evaluator, *arguments)
        if len(calls) == after:
            kill(evaluator)

    monkeypatch.setattr(BackgroundEvaluator, "submit", submitting)


def kill(evaluator: BackgroundEvaluator) -> None:
    assert evaluator.process is not None
    os.kill(evaluator.process, signal.SIGKILL)


@pytest.mark.slow
def test_a_run_outlives_its_evaluator_to_the_last_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = measured(tmp_path / "here")
    killing(monkeypatch, before=2, after=4)
    assert measured(tmp_path / "beside", background=True) == expected
    said = capfd.readouterr().err
    assert said.count("the process that evaluates was ended by SIGKILL; another is begun") == 1
    assert said.count("was ended by SIGKILL; from now on training waits for evaluations") == 1
    assert "Traceback" not in said


class Lost:
    """Stands for the process: dies when it is told or asked something, as often as it is begun."""

    number = 0

    def __init__(self, *_: Any) -> None:
        pass

    def send(self, told: Any) -> None:
        raise BrokenPipeError

    def receive(self) -> Any:
        raise ConnectionResetError

    def end(self) -> str:
        return "was ended by SIGKILL"


class Deaf(Lost):
    def send(self, told: Any) -> None:
        pass


def unable(*_: Any) -> None:
    raise UserError("the images are gone")


def dead(*_: Any) -> None:
    raise EOFError


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a run gives that measures itself."""
    return measured(tmp_path_factory.mktemp("here") / "run", images=16)


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (Lost, Lost, "ended by SIGKILL; from now on training waits"),
        (Deaf, Deaf, "ended by SIGKILL; from now on training waits"),
        (Lost, unable, "cannot be begun again: the images are gone; from now on training waits"),
        (dead, dead, "died as it began; from now on training waits"),
    ],
)
def test_evaluations_are_done_by_the_run_where_no_process_lives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: Callable[..., Any],
    then: Callable[..., Any],
    said: str,
    expected: list[dict[str, Any]],
) -> None:
    begun = iter((first, then))
    monkeypatch.setattr(background, "EvaluatorProcess", lambda *arguments: next(begun)(*arguments))
    beside = measured(tmp_path / "beside", images=16, background=True)
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("another is begun") == 1
    assert beside == expected


class Busy(Deaf):
    """Measures for so long that the run is told to leave meanwhile."""

    def send(self, told: Any) -> None:
        self.told = told

    def receive(self) -> Any:
        if self.told != background.REHEARSE:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("the signal did not break off the wait")


def test_a_run_told_to_leave_does_not_wait_for_its_last_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, options = tmp_path / "run", MEASURED | {"images": 16, "every": 1000, "background": True}
    monkeypatch.setattr(background, "EvaluatorProcess", Busy)
    with pytest.raises(Interrupted):
        begin(tiny(evaluation=options, growth={"use": "fixed", "resolution": 8, "images": 32}), run).train()
    assert state_of(run) is RunState.CUT_SHORT
    monkeypatch.setattr(background, "EvaluatorProcess", dead)
    resumed = resume(run)
    assert resumed is not None
    resumed.train()
    assert state_of(run) is RunState.FINISHED
    assert {row["images"] for row in rows(run) if "protocol" in row} == {32}


@pytest.mark.slow
def test_an_evaluator_whose_run_is_gone_goes_without_a_word() -> None:
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-P", "-c", background.START, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True)
    ours.send((dump_experiment(tiny(evaluation=MEASURED)), [], str(CPU), []))
    assert ours.poll(60)  # its answer is left unread, so that the next it hears of us is a reset connection
    ours.close()
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


@pytest.mark.slow
def test_an_evaluator_leaves_with_its_run_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PATIENCE", 100.0)  # on a busy machine
    process = EvaluatorProcess(tiny(evaluation=MEASURED), CPU, [])
    os.kill(process.number, signal.SIGTERM)  # as whoever ends a job does to each of its processes
    os.kill(process.number, signal.SIGINT)
    assert process.end() == "ended with exit code 0"


@pytest.mark.slow
def test_what_cannot_be_loaded_is_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        EvaluatorProcess(tiny(data={"use": "folder", "path": tmp_path / "none", "channels": 1}), CPU, [])


def test_another_pipe_is_not_taken_for_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Namespace) -> int:
        raise BrokenPipeError

    monkeypatch.setattr("gankit.cli._parsed", lambda _: Namespace(run=broken))
    with pytest.raises(BrokenPipeError):
        main(["runs"])
