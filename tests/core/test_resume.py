"""A run that goes on is the run that it would have been; what would make it another one is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from support.command import rows
from support.crashing import files
from support.slow import slow_but
from support.tiny import tiny

import gankit
from gankit import Callback, Metric, Observer, UserError
from gankit.checkpoints import store
from gankit.cli import main
from gankit.core.errors import Interrupted, RunError
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.discovery.sources import sha256_of
from gankit.kinds.callbacks import RunContext
from gankit.runs.folder import RunFolder
from gankit.runs.loop import TrainingLoop
from gankit.runs.start import begin, resume
from gankit.runs.status import RunState, state_of

pytestmark = pytest.mark.costly

MEASURED = {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 16}
MOMENTS = ["on_update", "on_evaluation_start", "on_save", "on_rows", "on_stage_end"]
OFTEN: dict[str, Any] = {"evaluation": MEASURED, "checkpoints": {"every": 24, "keep": 9}}


class Ender(Observer):
    """Ends or rolls back the run at some images, and counts what it sees, which it keeps in checkpoints."""

    seen: ClassVar[list[tuple[int, int, int]]] = []
    at: ClassVar[int] = 10**9
    rate: ClassVar[float | None] = None

    def callback(self, run: RunContext) -> Callback:
        return Ending(run)


class Ending(Callback):
    def __init__(self, run: RunContext) -> None:
        self.run, self.count = run, 0

    def on_update(self, progress: Progress, scalars: Any) -> None:
        self.count += 1
        Ender.seen.append((progress.images, self.count, self.run.attempt))
        if progress.images == Ender.at and self.run.attempt < 2:
            if Ender.rate is None:
                self.run.stop("it was asked to")
            else:
                self.run.roll_back("it was asked to", Ender.rate)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


@pytest.fixture(autouse=True)
def _ender() -> Iterator[None]:
    with restored():
        register("observers", "ender", Ender)
        Ender.seen.clear()
        Ender.at, Ender.rate = 10**9, None
        yield
        Ender.at, Ender.rate = 10**9, None


def stopped(path: Path, at: int, **changes: Any) -> Path:
    """A run that an observer stopped."""
    Ender.at = at
    with pytest.raises(RunError, match="was stopped: it was asked to"):
        begin(tiny(**({"observers": ["ender"]} | OFTEN | changes)), path).train()
    Ender.at = 10**9
    return path


@pytest.fixture(scope="module")
def _stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with restored():
        register("observers", "ender", Ender)
        return stopped(tmp_path_factory.mktemp("stopped") / "run", at=40)


@pytest.fixture
def run(_stopped: Path, tmp_path: Path) -> Path:
    """A copy of a run that an observer stopped at 40 images."""
    return Path(shutil.copytree(_stopped, tmp_path / "run"))


def going_on(run: Path, settings: Sequence[str] = (), extend: int = 0) -> TrainingLoop:
    resumed = resume(run, settings, extend=extend)
    assert resumed is not None
    return resumed


def whole(path: Path, **changes: Any) -> Path:
    begin(tiny(**({"observers": ["ender"]} | OFTEN | changes)), path).train()
    return path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run that nothing interrupts leaves in its folder."""
    with restored():
        register("observers", "ender", Ender)
        return files(whole(tmp_path_factory.mktemp("whole") / "run"))


@pytest.mark.parametrize("at", slow_but([32, 40], [8, 32, 40, 56, 88]))
def test_a_run_that_goes_on_is_the_same_run(tmp_path: Path, at: int, uninterrupted: dict[str, Any]) -> None:
    run = stopped(tmp_path / "run", at)
    going_on(run).train()
    assert files(run) == uninterrupted
    assert resume(run) is None, "it is finished"


def test_observers_get_their_state_back(tmp_path: Path) -> None:
    run = stopped(tmp_path / "run", at=40)
    going_on(run).train()
    assert Ender.seen[:5] == [(images, images // 8, 0) for images in (8, 16, 24, 32, 40)]
    assert Ender.seen[5:] == [(images, images // 8, 0) for images in range(40, 97, 8)]  # the checkpoint of 32 images


def test_rolling_back_goes_on_from_the_checkpoint_with_other_draws(tmp_path: Path) -> None:
    Ender.at, Ender.rate = 56, 0.5
    run = whole(tmp_path / "run")
    Ender.at = 10**9
    assert [images for images, _, attempt in Ender.seen if attempt == 1] == [56], "from the checkpoint of 48"
    other = whole(tmp_path / "other")
    before, after = (
        [(row["images"], row["name"], row["value"]) for row in rows(folder) if "note" not in row]
        for folder in (run, other)
    )
    assert [row[:2] for row in before] == [row[:2] for row in after]
    same = [row for row in before if row in after]
    assert {row[0] for row in same if row[1] != "fid_floor"} == {8, 16, 24, 32, 40, 48}
    events = [(row["images"], row["name"], row["value"], row["note"]) for row in rows(run) if "note" in row]
    assert events == [(48, "rolled-back", attempt, "it was asked to") for attempt in (1, 2)]
    optimizer = store.read(store.found(run / "checkpoints")[-1]).state["optimizers"]["generator"]
    assert {group["lr"] for group in optimizer["param_groups"]} == {0.001 * 0.25}


def test_a_finished_run_can_be_extended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = whole(tmp_path / "run")
    assert main(["resume", str(run), "--extend", "0.04k"]) == 0
    assert "goes on at 96 images" in capsys.readouterr().err
    assert max(row["images"] for row in rows(run)) == 136
    before = stopped(tmp_path / "before", at=40)
    with pytest.raises(UserError, match=r"--extend: .* is not finished yet"):
        resume(before, extend=8)
    Ender.at = 152
    with pytest.raises(RunError, match="was stopped"):
        going_on(run, extend=40).train()
    Ender.at = 10**9
    going_on(run).train()
    assert max(row["images"] for row in rows(run)) == 176
    assert main(["resume", str(run), "--extend", "many"]) == 2
    assert "--extend: expected a number of images, such as 600000, 600k or 1.2M, not 'many'" in capsys.readouterr().err


def test_what_is_only_watched_may_change_and_is_noted(run: Path) -> None:
    going_on(
        run,
        [
            "evaluation.every=8",
            "observers=[{use: progress, enabled: false}, {use: guard, enabled: false}]",
            "checkpoints.keep=1",
        ],
    ).train()
    assert [row["images"] for row in rows(run) if row["name"] == "fid"][-3:] == [80, 88, 96]
    (noted,) = json.loads((run / "provenance.json").read_text())["resumed"]
    assert noted["images"] == 32
    assert noted["changed"]["evaluation.every"] == {"before": 16, "now": 8}
    others = {option for option in noted["changed"] if not option.startswith("observers")}
    assert others == {"evaluation.every", "checkpoints.keep"}
    assert noted["changed"]["observers.1.enabled"] == {"before": True, "now": False}
    assert "every: 8" in (run / "experiment.yaml").read_text()
    assert "resumed" in (run / "times.jsonl").read_text()


@pytest.mark.parametrize("setting", ["seed=1", "training.batch=16", "training.threads=1", "loss=hinge", "name=other"])
def test_what_is_trained_may_not_change(run: Path, setting: str) -> None:
    before = files(run)
    with pytest.raises(UserError, match=f"may be changed, but these were too:\n  {setting.partition('=')[0]}"):
        resume(run, [setting])
    assert files(run) == before
    RunFolder.open(run).close()


def test_a_run_killed_while_it_was_begun_starts_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], uninterrupted: dict[str, Any]
) -> None:
    RunFolder.create(tmp_path / "run", tiny(observers=["ender"], **OFTEN)).close()
    resumed = going_on(tmp_path / "run")
    assert "has no checkpoint yet and starts over" in capsys.readouterr().err
    resumed.train()
    assert files(tmp_path / "run") == uninterrupted
    (tmp_path / "half" / "samples").mkdir(parents=True)
    (tmp_path / "half" / ".lock").touch()
    whole(tmp_path / "half")


def test_other_data_is_noticed(tmp_path: Path) -> None:
    from PIL import Image

    (folder := tmp_path / "images").mkdir()
    for number in range(20):
        Image.new("L", (8, 8), number).save(folder / f"{number:02}.png")
    run = stopped(tmp_path / "run", at=40, data={"use": "folder", "path": str(folder), "channels": 1})
    Image.new("L", (8, 8), 99).save(folder / "07.png")
    with pytest.raises(UserError, match="data: the images are not those that the run began with"):
        resume(run)


def test_other_source_of_a_plugin_is_told_and_refused_if_strict(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    origin = json.loads((run / "provenance.json").read_text())
    origin["plugins"]["pggan"]["sha256"] = "0" * 64
    (run / "provenance.json").write_text(json.dumps(origin))
    before = files(run)
    with pytest.raises(UserError, match=r"--strict: the code or .*\n  plugin pggan is gankit .* was gankit .*0000\)"):
        resume(run, strict=True)
    assert files(run) == before
    capsys.readouterr()
    going_on(run).train()
    assert capsys.readouterr().err.count("warning: plugin pggan is gankit") == 1
    assert resume(run, strict=True) is None


def test_folders_that_a_copy_left_out_are_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "a run"
    RunFolder.create(run, tiny(observers=["ender"], **OFTEN)).close()
    for part in ("checkpoints", "samples"):
        (run / part).rmdir()
    going_on(run).train()
    assert "has no checkpoint yet and starts over" in capsys.readouterr().err
    assert resume(run) is None
    assert f"gankit resume '{run}' --extend 100k" in capsys.readouterr().err


def test_a_run_whose_checkpoints_were_deleted_keeps_its_record(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "checkpoints")
    before = files(run)
    with pytest.raises(UserError, match="was trained for 40 images, but its checkpoints are gone: put them back"):
        resume(run)
    with pytest.raises(UserError, match="its checkpoints are gone"):
        resume(run, experiment=tiny(observers=["ender"], **OFTEN))
    assert files(run) == before
    RunFolder(run).time("finished")
    RunFolder(run).close()
    assert main(["resume", str(run)]) == 0
    assert "is finished; as its checkpoints are gone it cannot be trained further" in capsys.readouterr().err
    assert main(["resume", str(run), "--extend", "1k"]) == 2
    assert rows(run) != []


def test_drafts_of_a_process_that_was_killed_are_cleared_away(run: Path) -> None:
    drafts = [run / ".provenance.json.123", run / "samples" / ".00000040-8x8.png.29551"]
    others = [run / "samples" / ".keep", run / "mine.7"]
    for file in (*drafts, *others):
        file.write_text("half")
    going_on(run).train()
    assert [file.exists() for file in (*drafts, *others)] == [False, False, True, True]


def test_so_is_other_source_of_gankit_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    origin = json.loads((run / "provenance.json").read_text())
    assert origin["gankit"]["sha256"] == sha256_of(Path(gankit.__file__).parent)
    origin["gankit"]["sha256"] = "0" * 64
    (run / "provenance.json").write_text(json.dumps(origin))
    with pytest.raises(UserError, match=r"--strict: the code or .*\n  gankit is gankit .* was gankit .*0000\)"):
        resume(run, strict=True)
    capsys.readouterr()
    going_on(run).train()
    assert capsys.readouterr().err.count("warning: gankit is gankit") == 1


class Impatient(Metric):
    """Sends this process a signal while it is computed for the second time."""

    calls: ClassVar[list[int]] = []

    def evaluate(self, samples: Any) -> dict[str, float]:
        self.calls.append(1)
        if len(self.calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            assert len(self.calls) > 2, "the signal did not break off the evaluation"
        return {"impatient": 1.0}


def test_a_signal_breaks_off_an_evaluation_which_is_done_again(tmp_path: Path) -> None:
    register("observers", "impatient", Impatient)
    Impatient.calls.clear()
    options = OFTEN | {"evaluation": MEASURED | {"metrics": ["fid", "impatient"]}}
    with pytest.raises(Interrupted):
        begin(tiny(**options), tmp_path / "run").train()
    assert [row for row in rows(tmp_path / "run") if row["images"] == 32 and "protocol" in row] == []
    going_on(tmp_path / "run").train()
    begin(tiny(**options), tmp_path / "whole").train()
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_a_run_that_lacks_its_last_evaluation_is_not_finished(tmp_path: Path) -> None:
    register("observers", "impatient", Impatient)
    Impatient.calls.clear()
    options = {
        "evaluation": MEASURED | {"metrics": ["impatient"]},
        "growth": {"use": "fixed", "resolution": 8, "images": 32},
    }
    with pytest.raises(Interrupted):
        begin(tiny(**options), tmp_path / "run").train()
    assert rows(tmp_path / "run")[-1]["images"] == 32
    assert state_of(tmp_path / "run") is RunState.CUT_SHORT
    going_on(tmp_path / "run").train()
    assert state_of(tmp_path / "run") is RunState.FINISHED


class Signaller(Observer):
    """Sends this process a signal when some moment comes for the second time."""

    moment: str
    number: int

    def callback(self, run: RunContext) -> Callback:
        return Signalling(self)


class Signalling(Callback):
    def __init__(self, options: Signaller) -> None:
        def send(*_: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), options.number)

        calls: list[int] = []
        setattr(self, options.moment, send)


@pytest.mark.parametrize("number", slow_but([signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]))
@pytest.mark.parametrize("moment", slow_but(MOMENTS[:3], MOMENTS))
def test_a_signal_at_any_moment_leaves_a_run_that_goes_on(
    tmp_path: Path, moment: str, number: int, capsys: pytest.CaptureFixture[str], uninterrupted: dict[str, Any]
) -> None:
    register("observers", "signaller", Signaller)
    run, before = tmp_path / "run", signal.getsignal(number)
    observer = {"use": "signaller", "moment": moment, "number": number}
    with pytest.raises(Interrupted) as left:
        begin(tiny(observers=[observer, "ender"], **OFTEN), run).train()
    assert left.value.exit_code == 128 + number
    assert signal.getsignal(number) == before
    assert f"go on with: gankit resume {run}" in capsys.readouterr().err
    going_on(run, ["observers=[ender]"]).train()
    assert files(run) == uninterrupted


def test_weights_alone_are_taken_from_another_run(tmp_path: Path) -> None:
    first = whole(tmp_path / "first")
    newest = store.found(first / "checkpoints")[-1]
    taken = store.read(newest).state["weights"]
    for number, source in enumerate((first, newest)):
        training = {"batch": 8, "device": "cpu", "start_from": str(source)}
        begin(tiny(training=training, checkpoints={"keep": 9}), tmp_path / str(number)).train()
        begun = store.read(store.found(tmp_path / str(number) / "checkpoints")[0])
        assert begun.manifest["images"] == 0
        for network, weights in begun.state["weights"].items():
            assert all(torch.equal(tensor, taken[network][name]) for name, tensor in weights.items())


def test_checkpoints_hold_what_they_always_held(tmp_path: Path) -> None:
    """So that runs of an earlier gankit go on: growth by the position of its stage, no images of stages, old words."""
    run = stopped(tmp_path / "run", 56, observers=["ender", {"use": "sample-grid", "every": 16}])
    first, second = (store.read(run / "checkpoints" / f"{images:012d}").state for images in (32, 48))
    of_first = [first[name] for name in ("now", "grown", "rounds", "due")]
    assert of_first == [(0, 4, 1.0), (0, 4, 1.0), 4, ["begin stage"]]
    assert (second["now"], second["grown"], second["rounds"], second["due"]) == ((1, 8, 0.25), (1, 8, 0.25), 6, [])
    assert second["pictures"] == [
        ("00000016-4x4", (16, 96, 1, 2, 4, 1.0)),
        ("00000032-4x4", (32, 96, 1, 2, 4, 1.0)),
        ("00000048-8x8", (48, 96, 2, 2, 8, 0.25)),
    ]
    pictures = going_on(run).pictures
    assert [picture.progress for picture in pictures] == [
        Progress(16, 96, 1, 2, 4, 1.0, 16, 32, "", 16),
        Progress(32, 96, 1, 2, 4, 1.0, 32, 32, "", 32),
        Progress(48, 96, 2, 2, 8, 0.25, 16, 64, "", 16),
    ]
