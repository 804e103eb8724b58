"""Observers are told everything in order, and none of them can stop a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gankit import Callback, Observer
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import Picture, Row
from gankit.runs.callbacks import CallbackList

NOW = Progress(images=10, total=20, stage=1, stages=2, resolution=4, alpha=1.0, stage_images=10)
ROW = Row(10, 1, 4, "fid", 2.0)
PICTURE = Picture("a", Path("a.png"), NOW)


class Diary(Callback):
    """Writes down what it is told, and raises `error` in the moments named in `fails_in`."""

    def __init__(self, fails_in: tuple[str, ...], error: type[BaseException]) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self._fails_in = fails_in
        self._error = error

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name == "entries":
            return super().__getattribute__(name)

        def moment(*facts: object) -> None:
            self.entries.append((name, *facts))
            if name in self._fails_in:
                raise self._error("no\nluck")

        return moment


class Diarist(Observer):
    """Keeps its callbacks where a test finds them."""

    fails_in: tuple[str, ...] = ()
    error: Any = ValueError

    def callback(self, run: Any) -> Callback:
        """Begin a diary in the list that stands for the run."""
        if "callback" in self.fails_in:
            raise OSError("no room")
        run.append(Diary(self.fails_in, self.error))
        return run[-1]


class Stateful(Observer):
    """Its callback's state is what it was told to be."""

    state: Any

    def callback(self, run: Any) -> Callback:
        callback = Callback()
        callback.state_dict = lambda: {"kept": self.state}
        return callback


def test_a_state_that_no_checkpoint_can_hold_is_told_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    register("here", "stateful", Stateful)
    states = [np.float64(0.5), {"more": np.int64(3)}, Path("no"), 7]
    run: Any = []
    callbacks = CallbackList([Stateful(state=state) for state in states], run)
    name = "here/stateful"
    assert callbacks.state_dict() == {
        name: {"kept": 0.5},
        f"{name} (2)": {"kept": {"more": 3}},
        f"{name} (4)": {"kept": 7},
    }
    said = capsys.readouterr().err
    assert said.startswith(f"gankit: observer {name} (3) failed to give its state")
    assert "a checkpoint holds plain values and tensors, not PosixPath" in said


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with restored():
        register("here", "diarist", Diarist)
        yield


def everything(callbacks: CallbackList) -> list[tuple[Any, ...]]:
    callbacks.on_stage_start(NOW)
    callbacks.on_update(NOW, {})
    callbacks.on_evaluation_start(NOW)
    callbacks.on_rows([ROW])
    callbacks.on_picture(PICTURE)
    callbacks.on_stage_end(NOW)
    callbacks.on_save(NOW)
    callbacks.on_rollback(NOW)
    callbacks.on_finish()
    callbacks.on_close()
    return [
        ("on_stage_start", NOW),
        ("on_update", NOW, {}),
        ("on_evaluation_start", NOW),
        ("on_rows", [ROW]),
        ("on_picture", PICTURE),
        ("on_stage_end", NOW),
        ("on_save", NOW),
        ("on_rollback", NOW),
        ("on_finish",),
        ("on_close",),
    ]


def test_every_callback_is_told_of_every_moment(capsys: pytest.CaptureFixture[str]) -> None:
    diaries: Any = []
    told = everything(CallbackList([Diarist(), Diarist()], diaries))
    assert [diary.entries for diary in diaries] == [told, told]
    assert capsys.readouterr().err == ""


def test_the_list_passes_on_all_that_a_callback_can_be_told() -> None:
    moments = {name for name in vars(Callback) if not name.startswith("_")}
    assert moments <= set(vars(CallbackList))


def test_a_failure_is_reported_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    diaries: Any = []
    callbacks = CallbackList([Diarist(fails_in=("on_update", "on_close")), Diarist()], diaries)
    for _ in range(3):
        callbacks.on_update(NOW, {})
    first = capsys.readouterr().err
    assert first.count("\n") == 1
    assert "here/diarist" in first
    assert "'on_update'" in first
    assert "ValueError: no luck (" in first
    assert f"{Path(__file__).name}:" in first

    callbacks.on_close()
    assert capsys.readouterr().err == "gankit: observer here/diarist failed in 4 of 4 calls\n"
    assert len(diaries[1].entries) == 4


def test_an_observer_that_cannot_begin_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    diaries: Any = []
    told = everything(CallbackList([Diarist(fails_in=("callback",)), Diarist()], diaries))
    assert [diary.entries for diary in diaries] == [told]
    assert "OSError: no room" in capsys.readouterr().err


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(interrupt: type[BaseException]) -> None:
    diaries: Any = []
    callbacks = CallbackList([Diarist(fails_in=("on_update",), error=interrupt)], diaries)
    with pytest.raises(interrupt):
        callbacks.on_update(NOW, {})
