"""A run that is finished gets another metric, measured on the checkpoints that it kept; nothing is silently ignored."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.command import QUICKSTART, gankit_here, rows
from support.recorded import measured, recorded
from support.tiny import tiny

from gankit import Callback, Launcher, Metric, Observer
from gankit.checkpoints import store
from gankit.checkpoints.integrity import remove
from gankit.core.errors import RunError
from gankit.core.registry import register, restored
from gankit.evaluation.images import Samples
from gankit.kinds import Job
from gankit.kinds.callbacks import RunContext
from gankit.results.run_results import read_run
from gankit.results.sealed import checked_rows
from gankit.runs.recorded import load_recorded
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly

BOTH = ["evaluation.metrics=[fid, is]"]


class Reader(Observer):
    """Reads what the run has recorded when it begins or goes on."""

    names: ClassVar[set[str]] = set()

    def callback(self, run: RunContext) -> Callback:
        Reader.names = {row.name for row in run.rows}
        return Callback()


class Broken(Metric):
    """Gives no number."""

    needs = frozenset()

    def evaluate(self, samples: Samples) -> dict[str, float]:
        raise ValueError("no such metric")


class Here(Launcher):
    """Carries out the runs of a study in this process."""

    jobs: ClassVar[list[str]] = []

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        Here.jobs = [job.name for job in jobs]
        for job in jobs:
            ended = gankit_here(job.command[4:], Path.cwd())
            job.log.write_text(ended.stdout + ended.stderr)
            yield job, ended.returncode


@pytest.fixture(autouse=True)
def _reader() -> Iterator[None]:
    with restored():
        register("observers", "reader", Reader)
        register("launchers", "here", Here)
        register("fidelity", "broken", Broken)
        yield


def trained(path: Path, metrics: Sequence[str], **changes: Any) -> Path:
    evaluation = {"metrics": metrics, "extractor": "digits", "images": 16} | changes.pop("evaluation", {})
    checkpoints = {"every": 24, "keep": 9}
    begin(
        tiny(**({"evaluation": evaluation, "checkpoints": checkpoints, "observers": ["reader"]} | changes)), path
    ).train()
    return path


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in what was measured."""
    folder = tmp_path_factory.mktemp("origin")
    with restored():
        register("observers", "reader", Reader)
        trained(folder / "fid", ["fid"])
        trained(folder / "both", ["fid", "is"])
    return folder


@pytest.fixture
def run(origin: Path, tmp_path: Path) -> Path:
    """The finished run that was measured by fid, to be changed."""
    shutil.copytree(origin / "fid", tmp_path / "run")
    return tmp_path / "run"


def files(checkpoint: Path) -> dict[str, bytes]:
    named = (*checkpoint.glob("*.safetensors"), checkpoint / "training.pt")
    return {file.name: file.read_bytes() for file in named}


def numbers(run: Path) -> list[tuple[Any, ...]]:
    """What is told of the evaluations of a run, in any order."""
    measured = (row for row in rows(run) if "protocol" in row)
    return sorted((row["images"], row["stage"], row["name"], row["value"], str(row["protocol"])) for row in measured)


def test_a_new_metric_gives_the_numbers_that_it_would_have_given(run: Path, origin: Path) -> None:
    before, newest = (run / "metrics.jsonl").read_bytes(), store.found(run / "checkpoints")[-1]
    weights = files(newest)
    going_on = resume(run, BOTH)
    assert going_on is not None
    assert "is" in Reader.names, "observers find it in what was recorded"
    going_on.train()
    assert numbers(run) == numbers(origin / "both")
    after = (run / "metrics.jsonl").read_bytes()
    assert after.startswith(before)
    assert store.read(newest).metrics == after
    assert files(newest) == weights
    assert checked_rows(run).restored is None
    assert [*read_run(run).stages[0].metrics] == [*read_run(origin / "both").stages[0].metrics]
    assert resume(run, BOTH) is None, "there is nothing left to measure"
    assert resume(run, ["evaluation.metrics=fid"]) is None
    assert len(load_recorded(run / "experiment.yaml").evaluation.metrics) == 2
    assert resume(run, BOTH) is None


def test_another_protocol_is_measured_with_all_metrics(run: Path, origin: Path) -> None:
    going_on = resume(run, ["evaluation.images=8"])
    assert going_on is not None
    going_on.train()
    assert {
        stage.metrics["fid"].protocol["images"] for stage in read_run(run).stages if stage.metrics["fid"].protocol
    } == {8}


def test_what_cannot_be_measured_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = store.found(run / "checkpoints")[-1]
    for checkpoint in store.found(run / "checkpoints")[:-1]:
        remove(checkpoint)
    going_on = resume(run, [*BOTH, "evaluation.every=16", "checkpoints.keep=3"])
    assert going_on is not None
    going_on.train()
    lacking, unheeded, *_ = capsys.readouterr().err.splitlines()
    assert lacking.endswith("run: fidelity/is cannot be measured at 32 images: no checkpoint is left there")
    assert unheeded.endswith("so these options change nothing of it: evaluation.every, checkpoints.keep")
    assert {row["images"] for row in rows(run) if row["name"] == "is"} == {96}
    remove(newest)
    assert resume(run, ["evaluation.metrics=[fid, kid]"]) is None
    assert "kid cannot be measured at 32 images, 96 images" in capsys.readouterr().err


def test_options_that_mean_nothing_any_more_are_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resume(run, ["observers=[]", "evaluation.every=16"]) is None
    assert "is finished, so these options change nothing of it: " in (said := capsys.readouterr().err)
    assert "observers" in said
    assert "evaluation.every" in said


def test_a_run_that_is_extended_keeps_what_was_measured_late(run: Path) -> None:
    going_on = resume(run, BOTH, extend=32)
    assert going_on is not None
    going_on.train()
    assert {row["images"] for row in rows(run) if row["name"] == "is"} == {32, 96, 128}
    assert checked_rows(run).restored is None


def test_a_disk_that_fills_up_leaves_it_to_be_done_again(
    run: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "save", full)
        with pytest.raises(RunError, match="cannot write a checkpoint"):
            resume(run, BOTH)
    assert checked_rows(run).restored is None
    going_on = resume(run, BOTH)
    assert going_on is not None
    going_on.train()
    assert numbers(run) == numbers(origin / "both")


def test_a_metric_that_gives_no_number_is_an_error(run: Path) -> None:
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match="nothing was recorded, as no metric gave a number"):
        resume(run, ["evaluation.metrics=[fid, broken]"])
    assert (run / "metrics.jsonl").read_bytes() == before
    assert len(load_recorded(run / "experiment.yaml").evaluation.metrics) == 1


def test_a_study_gets_another_metric(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        f"extends: {QUICKSTART}\nname: some\ngrowth: {{use: fixed, resolution: 8, images: 32}}\n"
        "generator: {channels: 4}\ndiscriminator: {channels: 4}\ntraining: {batch: 16, device: cpu}\n"
        "evaluation: {metrics: [fid], images: 16}\nobservers: []\nlauncher: here\nmatrix: {seed: [0, 1]}\n"
    )
    command = ["run", "study.yaml"]
    first = gankit_here(command, tmp_path)
    assert first.returncode == 0, first.stderr
    more = gankit_here([*command, "--set", BOTH[0]], tmp_path)
    assert more.returncode == 0, more.stderr
    assert "is at 8x8 after 32 images: higher is better" in more.stdout
    assert len(Here.jobs) == 2
    compared = gankit_here(["compare", "study.yaml", "--metric", "is"], tmp_path)
    assert compared.returncode == 0, compared.stderr
    for seed in (0, 1):
        shutil.rmtree(tmp_path / f"runs/some/base/seed-{seed}/checkpoints")
    Here.jobs = []
    gone = gankit_here(
        [*command, "--set", "evaluation.metrics=[fid, is, kid]", "--set", "evaluation.every=8"], tmp_path
    )
    assert Here.jobs == []
    assert "2 of 2 runs: fidelity/kid cannot be measured at 32 images: no checkpoint is left there" in gone.stderr
    assert "2 of 2 runs: what is finished is not changed by evaluation.every" in gone.stderr


def test_evaluate_records_metrics_that_a_run_has_none_of(run: Path, origin: Path) -> None:
    def evaluate(*arguments: str) -> str:
        ended = gankit_here(["evaluate", *arguments], run.parent)
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    before = (run / "metrics.jsonl").read_bytes()
    evaluate("run", "--images", "8")
    assert "not recorded with run: they were compared with" in evaluate("run", "--metrics", "is", "--data", "digits")
    assert (run / "metrics.jsonl").read_bytes() == before
    assert "recorded with run: is, " in evaluate("run", "--metrics", "[fid, is]")
    assert numbers(run) == [one for one in numbers(origin / "both") if not (one[0] == 32 and one[2].startswith("is"))]
    assert "recorded with" not in evaluate("run", "--metrics", "is")
    assert "recorded with run: fid_current" in evaluate("run", "--metrics", "fid", "--which", "current")


def test_evaluate_leaves_a_run_alone_that_is_not_finished(run: Path) -> None:
    shutil.rmtree(store.found(run / "checkpoints")[-1])
    (run / "times.jsonl").unlink()
    ended = gankit_here(["evaluate", "run", "--metrics", "is"], run.parent)
    assert ended.returncode == 0, ended.stderr
    assert "the numbers are not recorded with run: it is not finished" in ended.stderr


def test_what_is_measured_late_within_a_stage_is_not_its_last_evaluation(tmp_path: Path) -> None:
    later = [*measured(1500, 2, 8, kid=7.0), *measured(3000, 2, 8, kid=3.0), *measured(2000, 2, 8, kid=5.0)]
    path = recorded(tmp_path / "run", [*measured(1000, 1, 4, fid=1.0), *measured(3000, 2, 8, fid=2.0), *later])
    run = read_run(path)
    assert {name: row.value for name, row in run.stages[-1].metrics.items()} == {"fid": 2.0, "kid": 3.0}
    last = run.last_value("kid")
    assert last is not None
    assert last.value == 3.0
