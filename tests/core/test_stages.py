"""Stages with names, several at one resolution: as they are written, trained, measured, resumed, compared and shown."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.command import rows
from support.crashing import files
from support.pages import page_of
from support.recorded import measured, recorded
from support.slow import slow_but
from support.tiny import tiny, trainer

from gankit import Callback, Observer, UserError
from gankit.cli import main
from gankit.config.loader import load_experiment
from gankit.core.errors import RunError
from gankit.core.progress import Progress, Stage
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import RunContext
from gankit.results import load_numbers
from gankit.results.comparison import compare_runs
from gankit.results.finder import gather
from gankit.results.run_results import read_run
from gankit.runs.start import begin, resume

PLAN: list[dict[str, Any]] = [
    {"resolution": 4, "images": 24, "name": "burn-in", "batch": 4},
    {"resolution": 4, "images": 32},
    {"resolution": 8, "images": 32, "fade": 0.5},
    {"resolution": 8, "images": 24, "name": "fine-tuning", "rate": 0.125},
]
LABELS = ["4x4 burn-in", "4x4", "8x8", "8x8 fine-tuning"]
MEASURED = {"metrics": ["fid"], "extractor": "digits", "images": 16}
SAVED = {"every": 8, "keep": 99}


class Stopper(Observer):
    """Stops the run at some images, and notes what stages begin and end."""

    at: ClassVar[int] = 10**9
    ended: ClassVar[list[str]] = []

    def callback(self, run: RunContext) -> Callback:
        return Stopping(run)


class Stopping(Callback):
    def __init__(self, run: RunContext) -> None:
        self.run = run

    def on_update(self, progress: Progress, scalars: Any) -> None:
        if progress.images == Stopper.at:
            self.run.stop("it was asked to")

    def on_stage_end(self, progress: Progress) -> None:
        Stopper.ended.append(progress.label)


@pytest.fixture(autouse=True)
def _stopper() -> Iterator[None]:
    with restored():
        register("observers", "stopper", Stopper)
        Stopper.at = 10**9
        Stopper.ended.clear()
        yield


def planned(**changes: Any) -> Any:
    """An experiment with burn-in and fine-tuning."""
    observers = ["stopper", {"use": "sample-grid", "count": 4}]
    options = {"growth": {"use": "stages", "plan": PLAN}, "evaluation": MEASURED, "checkpoints": SAVED}
    return tiny(**{**options, "observers": observers, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has interrupted."""
    with restored():
        register("observers", "stopper", Stopper)
        begin(planned(), path := tmp_path_factory.mktemp("trained") / "run", rehearsed=True).train()
    return path


def test_batch_and_learning_rates_are_those_of_the_stage() -> None:
    made, seen = trainer(planned(evaluation={"metrics": []})), list[tuple[str, int, float]]()
    while (before := made.images) < made.ends[-1]:
        made.iteration()
        (rate,) = {group["lr"] for group in made.optimizers["generator"].param_groups}
        seen.append((made.progress.label, made.images - before, rate))
    assert list(dict.fromkeys(seen)) == [
        ("4x4 burn-in", 4, 0.001),
        ("4x4", 8, 0.001),
        ("8x8", 8, 0.001),
        ("8x8 fine-tuning", 8, 0.000125),
    ]


@pytest.mark.parametrize(("reset", "forgotten"), [("stage", [24, 64, 88]), (True, [24, 64, 72, 88]), (False, [])])
def test_moments_are_forgotten_as_stages_begin(reset: Any, forgotten: list[int]) -> None:
    """The stage before is in force at the very image at which a fade begins, so 8x8 begins an update later."""
    training = {"batch": 8, "device": "cpu", "reset_optimizer": reset}
    made, found = trainer(planned(training=training, evaluation={"metrics": []})), list[int]()
    while made.images < made.ends[-1]:
        images = made.images
        made.iteration()
        steps = {int(state["step"]) for state in made.optimizers["discriminator"].state.values()}
        found += [images] if images and min(steps) == max(steps) == 1 else []
    assert found == forgotten


@pytest.mark.costly
def test_each_stage_is_trained_and_measured(trained: Path) -> None:
    run = read_run(trained, check=True)
    fids = [row for row in rows(trained) if row["name"] == "fid"]
    assert [(row["images"], row["stage"], row["resolution"]) for row in fids] == [
        (24, 1, 4),
        (56, 2, 4),
        (88, 3, 8),
        (112, 4, 8),
    ]
    assert [(stage.label, stage.number, stage.complete) for stage in run.stages] == [
        (label, number, True) for number, label in enumerate(LABELS, start=1)
    ]
    assert (run.total, run.is_complete) == (112, True)
    events = [json.loads(line) for line in (trained / "times.jsonl").read_text().splitlines()]
    assert [(e["stage"], e.get("name")) for e in events if e["event"] == "stage"] == [
        (1, "burn-in"),
        (2, None),
        (3, None),
        (4, "fine-tuning"),
    ]
    assert run.cost.seconds is not None
    assert run.cost.seconds > sum(e["seconds"] for e in events if e["event"] == "stage") / 2
    pictures = sorted(path.name for path in (trained / "samples").iterdir())
    assert pictures == [
        "00000024-4x4-burn-in.png",
        "00000056-4x4.png",
        "00000088-8x8.png",
        "00000112-8x8-fine-tuning.png",
    ]


@pytest.mark.costly
@pytest.mark.parametrize("at", slow_but([24, 56], [20, 24, 56, 96]))
def test_a_run_that_goes_on_is_the_same_run(tmp_path: Path, at: int, trained: Path) -> None:
    """In burn-in, at its end, where the resolution rises and in fine-tuning."""
    Stopper.at = at
    with pytest.raises(RunError, match="was stopped: it was asked to"):
        begin(planned(), tmp_path / "run").train()
    Stopper.at = 10**9
    Stopper.ended.clear()
    resumed = resume(tmp_path / "run")
    assert resumed is not None
    resumed.train()
    assert files(tmp_path / "run") == files(trained)
    assert Stopper.ended == LABELS[sum(end < at for end in (24, 56, 88)) :]


@pytest.mark.costly
def test_extending_goes_on_with_the_last_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin(planned(), tmp_path / "run").train()
    resumed = resume(tmp_path / "run", extend=16)
    assert resumed is not None
    resumed.train()
    assert {group["lr"] for group in resumed._trainer.optimizers["generator"].param_groups} == {0.000125}
    assert [(stage.label, stage.images) for stage in read_run(tmp_path / "run").stages][-1] == (LABELS[-1], 128)
    assert main(["evaluate", str(tmp_path / "run"), "--metrics", "is", "--images", "16"]) == 0
    capsys.readouterr()
    resumed = resume(tmp_path / "run", ["evaluation.metrics=[fid, {use: is, splits: 1}]"])
    assert resumed is not None
    said = capsys.readouterr().err
    assert [label for label in LABELS if f"measuring fidelity/is at {label} of checkpoint" in said] == LABELS
    resumed.train()
    assert all({"fid", "is"} <= {*stage.metrics} for stage in read_run(tmp_path / "run").stages)


@pytest.mark.costly
def test_the_page_shows_each_stage(tmp_path: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_of(trained)
    titles = [title for title in page.tables if title.startswith("fid at ")]
    assert titles == [
        next(title for title in titles if title.startswith(f"fid at {label} after")) for label in reversed(LABELS)
    ]
    captions = [caption.strip() for caption in page.captions]
    shown = zip(LABELS, (24, 56, 88, 112), strict=True)
    assert captions[-4:] == [f"{label} after {images} images" for label, images in shown]
    assert "at 8x8 fine-tuning; checkpoint after 112 images" in page.text
    assert main(["sample", str(trained), "-o", str(tmp_path / "grid.png"), "-n", "4"]) == 0
    assert main(["runs", str(trained)]) == 0
    assert "4/4 8x8 fine-tuning" in " ".join(capsys.readouterr().out.split())
    assert main(["compare", str(trained), "--plot", str(tmp_path / "fid.png")]) == 0


STAGES: list[Any] = [(4, 500, 0, "burn-in"), (4, 500, 0), (8, 2000, 0)]


def record_of(path: Path, fids: list[float], stages: list[Any] = STAGES, **options: Any) -> Path:
    """A run with these FIDs at the ends of its stages."""
    images, found = 0, []
    for number, (stage, fid) in enumerate(zip(stages, fids, strict=True), start=1):
        images += stage[1]
        found += measured(images, number, stage[0], fid=fid)
    recorded(path, found, loss={"use": f"gan/{path.parent.name}"}, **options)
    (path / "provenance.json").write_text(json.dumps({"stages": stages}))
    return path


def test_stages_are_compared_by_resolution_and_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (0, 1):
        record_of(tmp_path / "a" / f"{seed}", [9.0, 8.0, 3.0 + seed], seed=seed)
        record_of(tmp_path / "b" / f"{seed}", [7.0, 5.0 + seed], [(4, 1000, 0), (8, 2000, 0)], seed=seed)
    comparison = compare_runs(gather([tmp_path]))
    assert [(stage.label, len(stage.results)) for stage in comparison.stages] == [
        ("4x4 burn-in", 1),
        ("4x4", 2),
        ("8x8", 2),
    ]
    assert [[one.value for one in result.seeds] for result in comparison.stages[1].results] == [[7.0, 7.0], [8.0, 8.0]]
    assert (comparison.unfinished, comparison.unmeasured) == ([], [])
    assert main(["compare", str(tmp_path), "--format", "csv"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(line["resolution"], line["stage"], line["mean"]) for line in lines][:2] == [
        ("4", "burn-in", "9.0"),
        ("4", "", "7.0"),
    ]
    assert main(["compare", str(tmp_path), "--format", "json"]) == 0
    assert [stage.get("stage") for stage in json.loads(capsys.readouterr().out)["stages"]] == ["burn-in", None, None]
    numbers = load_numbers(tmp_path / "a" / "0")
    assert [*numbers["stage_name"]] == ["burn-in", "", ""]


def test_a_seed_does_not_count_twice_where_names_are_lost(tmp_path: Path) -> None:
    run = record_of(tmp_path / "a" / "0", [9.0, 8.0, 3.0])
    (run / "provenance.json").unlink()
    comparison = compare_runs(gather([run]))
    assert [stage.label for stage in comparison.stages] == ["4x4", "4x4 stage 2", "8x8"]
    assert {result.summary.given for stage in comparison.stages for result in stage.results} == {1}


def test_a_stage_that_others_measured_is_missed(tmp_path: Path) -> None:
    """Which a run without that stage does not miss."""
    record_of(tmp_path / "a" / "0", [9.0, 8.0, 3.0])
    other = record_of(tmp_path / "b" / "0", [9.0, 8.0, 3.0])
    record_of(tmp_path / "c" / "0", [7.0, 5.0], [(4, 1000, 0), (8, 2000, 0)])
    first, *rest = (other / "metrics.jsonl").read_text().splitlines(keepends=True)
    loss = {**json.loads(first), "name": "loss.generator"}
    del loss["protocol"]
    (other / "metrics.jsonl").write_text("".join([json.dumps(loss) + "\n", *rest]))
    lacking = compare_runs(gather([tmp_path])).unmeasured
    assert [(one.run.path.parent.name, one.lacks) for one in lacking] == [("b", ["fid at 4x4 burn-in"])]


MISTAKES = {
    "- {resolution: 8, images: 64}": "2.name: two stages would be called 8x8; give one a name of its own",
    "- {resolution: 8, images: 64, name: a}\n    - {resolution: 8, images: 64, name: a}": "3.name: two stages",
    "- {resolution: 32, images: 64}": "2.resolution: must be 8, as in the stage before, or 16, not 32",
    "- {resolution: 4, images: 64}": "2.resolution: must be 8, as in the stage before, or 16, not 4",
    "- {resolution: 8, images: 64, name: a, fade: 0.5}": "2.fade: there are no new layers to fade in, for the stage",
    "- {resolution: 16, images: 64, fade: 70}": "2.fade: takes 70 images, but its stage has only 64",
    "- {resolution: 16, images: 64, name: a b}": "2.name: 'a b' is no name",
    "- {resolution: 16, images: 64, rate: 0}": "2.rate: must be above 0.0, not 0",
    "- {resolution: 16, image: 64}": "2.image: unknown option. Did you mean 'images'?",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_told_where_they_stand(tmp_path: Path, line: str) -> None:
    text = f"""name: mine
extends: {Path(__file__).parents[2] / "experiments" / "quickstart.yaml"}
growth:
  use: stages
  plan:
    - {{resolution: 4, images: 64}}
    - {{resolution: 8, images: 64}}
    {line}
"""
    (file := tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_experiment(file)
    assert f"growth.plan.{MISTAKES[line]}" in str(caught.value)
    number = 9 if "\n" in line else 8
    assert f"mine.yaml:{number}:" in str(caught.value)


def test_a_plan_says_all_that_a_stage_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = planned()
    assert experiment.stages() == [
        Stage(4, 24, name="burn-in", batch=4),
        Stage(4, 32),
        Stage(8, 32, fade=16),
        Stage(8, 24, name="fine-tuning", rate=0.125),
    ]
    assert [stage.label for stage in experiment.stages()] == LABELS
