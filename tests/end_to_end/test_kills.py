"""Whenever a run or a study is killed, interrupted or terminated, the same command again comes to the same bits."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import children, kill, until
from support.crashing import PLUGIN, Process, files
from support.killing import Ended, Moment, calls, carried_out
from support.tiny import tiny

from gankit.config.yaml.writer import dump_experiment

pytestmark = pytest.mark.slow

OPTIONS: dict[str, Any] = {
    "evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 32, "every": 24},
    "checkpoints": {"every": 16, "keep": 2, "best": "fid"},
    "observers": [{"use": "sample-grid", "every": 32, "count": 4}],
}
"""A run of twelve iterations with everything that a run does."""

LOADING = [
    "gankit.runs.components:RunComponents.of",
    "gankit.runs.folder:RunFolder.create",
    "gankit.runs.folder:RunLock.__init__",
    "gankit.runs.folder:write_at_once",
]
TRAINING = [
    "gankit.training.trainer:Trainer.iteration",
    "gankit.training.trainer:Trainer._update",
    "gankit.runs.folder:RunFolder._append",
]
SAVING = [
    "gankit.checkpoints.store:write",
    "gankit.checkpoints.store:sync_folder",
    "gankit.checkpoints.store:put_in_place",
    "gankit.checkpoints.store:prune",
    "gankit.checkpoints.store:remove",
    "pathlib:Path.rename",
    "shutil:rmtree",
    "os:fsync",
]
EVALUATING = ["gankit.evaluation.evaluator:EvaluatorPair.evaluate", "gankit.runs.callbacks:save_png"]
ENDING = [
    "gankit.runs.folder:RunFolder.time",
    "gankit.runs.folder:RunFolder.close",
    "gankit.runs.loop:TrainingLoop._finish",
]
GOING_ON = [
    "gankit.runs.folder:write_at_once",
    "gankit.runs.folder:RunFolder.rewind",
    "gankit.runs.folder:remove_leftovers",
    "gankit.runs.loop:TrainingLoop._restore",
]
FUNCTIONS = {"loading": LOADING, "training": TRAINING, "saving": SAVING, "evaluating": EVALUATING, "ending": ENDING}
"""What a run calls at such times, as far as it is worth to be struck before or after."""
KILLS = {"loading": 8, "training": 8, "saving": 20, "evaluating": 5, "ending": 5}
LEFT = (-signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT)
"""Exit codes of who was told to leave; negative while it was loading, which there is nothing to save of."""


class Runs:
    """The command of a run, and what it comes to undisturbed."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        (folder / "tiny.yaml").write_text(dump_experiment(tiny(**OPTIONS | changes)))
        functions = dict.fromkeys(name for some in [*FUNCTIONS.values(), GOING_ON] for name in some)
        ended = self.run("whole", counted=functions)
        assert ended.code == 0, ended.said
        self.calls, self.whole = calls(folder), files(folder / "whole")

    def run(self, name: str, moment: Moment | None = None, counted: Iterable[str] = ()) -> Ended:
        """Begin the run of that name, or go on with it."""
        command = ["run", "tiny.yaml", "--out", name, "--resume"]
        return carried_out(command, self.folder, moment, list(counted))

    def ends_equal(self, name: str, moment: Moment, before: Path | None = None) -> bool:
        """Strike a run, give the command once more, and see that nothing came of it; whether it was struck in time."""
        run = self.folder / name
        shutil.rmtree(run, ignore_errors=True)
        if before is not None:
            shutil.copytree(before, run)
        struck = self.run(name, moment)
        assert "Traceback" not in struck.said, (moment, struck.said)
        expected = (
            (0,) if moment.is_evaluators else (-signal.SIGKILL,) if moment.signal == signal.SIGKILL else (0, *LEFT)
        )
        assert struck.code in expected, (moment, struck)
        again = self.run(name)
        assert again.code == 0, (moment, again.said)
        now = files(run)
        assert {name for name in self.whole if now.get(name) != self.whole[name]} == set(), moment
        surplus = {name for name in now.keys() - self.whole.keys() if not name.startswith("checkpoints/0")}
        assert surplus == set(), moment  # a kill before the last prune leaves a checkpoint more
        return struck.code != 0 or moment.is_evaluators


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


def moments(runs: Runs, functions: list[str], count: int, numbers: list[signal.Signals]) -> Iterator[Moment]:
    """So many moments, evenly among functions, drawn among their calls."""
    draw = random.Random(f"{functions} {count}")
    for position in range(count):
        function = functions[position % len(functions)]
        assert runs.calls[function], f"{function} is never called"
        call = draw.randint(1, runs.calls[function])
        yield Moment(function, call, draw.random() < 0.5, numbers[position % len(numbers)])


@pytest.mark.parametrize("when", FUNCTIONS)
def test_a_run_killed_at_any_moment_ends_equal(runs: Runs, when: str) -> None:
    for moment in moments(runs, FUNCTIONS[when], KILLS[when], [signal.SIGKILL]):
        print(moment)
        assert runs.ends_equal("killed", moment)


@pytest.mark.parametrize("when", FUNCTIONS)
def test_a_run_told_to_leave_at_any_moment_ends_equal(runs: Runs, when: str) -> None:
    for moment in moments(runs, FUNCTIONS[when], 4, [signal.SIGTERM, signal.SIGINT]):
        print(moment)
        runs.ends_equal("left", moment)


def test_so_does_one_that_is_killed_as_it_goes_on(runs: Runs) -> None:
    left = runs.folder / "before"
    leave = Moment("gankit.training.trainer:Trainer.iteration", 7, is_over=True, signal=signal.SIGTERM)
    assert runs.run(left.name, leave).code == 128 + signal.SIGTERM
    for function in GOING_ON:
        for is_over in (False, True):
            assert runs.ends_equal("killed", Moment(function, 1, is_over), left)


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    evaluation = OPTIONS["evaluation"] | {"background": True}
    checkpoints = {"every": 16, "keep": 2}
    return Runs(tmp_path_factory.mktemp("background"), evaluation=evaluation, checkpoints=checkpoints)


SUBMIT, RESULT = (f"gankit.evaluation.background:BackgroundEvaluator.{name}" for name in ("submit", "result"))
BACKGROUND = [
    *(Moment(SUBMIT, 2, is_over, is_evaluators=True) for is_over in (False, True)),
    *(Moment(RESULT, 3, is_over, is_evaluators=True) for is_over in (False, True)),
    *(Moment(SUBMIT, call, is_over=True) for call in (1, 4)),
    Moment(RESULT, 2, is_over=False),
    Moment(RESULT, 5, is_over=True),
    Moment(SUBMIT, 2, is_over=True, signal=signal.SIGTERM),
    Moment(RESULT, 5, is_over=False, signal=signal.SIGINT),
]


@pytest.mark.parametrize("moment", BACKGROUND, ids=str)
def test_so_does_one_that_evaluates_in_the_background(background: Runs, moment: Moment) -> None:
    assert background.ends_equal("struck", moment)


RUNS = ("seed-0", "seed-1")
STUDY = f"""\
extends: tiny.yaml
plugins: [{PLUGIN}]
growth: {{use: fixed, resolution: 8, images: 960}}
evaluation: {{every: 96}}
checkpoints: {{every: 64}}
observers: [phases]
launcher: processes
matrix: {{seed: [0, 1]}}
"""
"""Two runs side by side, which say what they are doing."""
STRUCK = [
    ("loading", "parent", signal.SIGKILL),
    ("loading", "run", signal.SIGKILL),
    ("loading", "runs", signal.SIGTERM),
    ("stable", "parent", signal.SIGKILL),
    ("stable", "parent", signal.SIGTERM),
    ("stable", "parent", signal.SIGINT),
    ("stable", "all", signal.SIGKILL),
    ("saving", "run", signal.SIGKILL),
    ("saving", "all", signal.SIGKILL),
    ("evaluating", "run", signal.SIGTERM),
    ("evaluating", "runs", signal.SIGKILL),
]
"""When, who, by what."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study's file, and with what becomes of it undisturbed."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(dump_experiment(tiny(**OPTIONS)))
    (folder / "study.yaml").write_text(STUDY)
    assert Process("run", folder / "study.yaml", "--out", folder / "whole", cache=folder).ended()[0] == 0
    return folder


@pytest.mark.parametrize(("when", "who", "number"), STRUCK)
def test_so_does_a_study(study: Path, when: str, who: str, number: signal.Signals) -> None:
    out = study / f"{when} {who} {number.name}"
    command = ["run", study / "study.yaml", "--out", out]
    process = Process(*command, cache=study)
    parent = process.process.pid
    until(lambda: len(_runs_of(parent)) == len(RUNS))
    if when != "loading":
        assert process.wait_for(when)
    below = [*_runs_of(parent)]
    for victim in {"parent": [parent], "run": below[:1], "runs": below, "all": [parent, *below]}[who]:
        kill(victim, number)
    status, said = process.ended()
    assert "Traceback" not in said, said
    expected = {signal.SIGKILL: -number, signal.SIGTERM: 128 + number, signal.SIGINT: 128 + number}[number]
    assert status == (expected if who in ("parent", "all") else 1), said
    status, said = Process(*command, cache=study).ended()
    assert status == 0, said
    for run in sorted(study.glob("whole/*/seed-*")):
        if run.is_dir():
            assert files(out / run.relative_to(study / "whole")) == files(run)


def _runs_of(parent: int) -> list[int]:
    """The processes that carry out a study's runs."""
    return [process for process, line in children(parent).items() if "--run" in line]
