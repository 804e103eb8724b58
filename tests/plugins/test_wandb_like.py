"""Any module that is spoken to as W&B is shows a run once, and whatever it does, the run goes on as without."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import driven
from support.command import QUIET
from support.driven import DrivenRun
from support.recorders import FAULTY, files, points_of, recorder, recorders_here, told
from support.tiny import tiny
from support.workers import Here

from gankit.config.checks import problems
from gankit.core.worker import Worker
from gankit.kinds.callbacks import Row
from gankit.results.tracking import chart_of
from gankit.runs.start import begin
from gankit_wandb_like import observers


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(observers, "Worker", Here)
    with recorders_here(tmp_path, monkeypatch):
        yield


def driven_run(folder: Path, observer: dict[str, Any], before: DrivenRun | None = None) -> DrivenRun:
    experiment = driven.experiment(**observer)
    driven.write_experiment(folder, experiment)
    return DrivenRun(folder, experiment.observers, experiment, before=before)


def finished(run: DrivenRun) -> DrivenRun:
    run.train()
    run.callbacks.on_close()
    return run


def standing(rows: list[Row]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        found.setdefault(chart_of(row), []).append((row.images, row.value))
    return {chart: sorted(values) for chart, values in found.items()}


def test_numbers_by_name_and_stage_pictures_and_options(tmp_path: Path) -> None:
    run = driven_run(tmp_path / "one", recorder(tmp_path))
    run.train(until=300)
    run.show("00000300-samples", run.sample(1, 0)[0], "6 of each class")
    finished(run)
    shown = points_of(tmp_path)
    picture = {"picture": "00000300-samples: 6 of each class", "bytes": run.pictures[0].path.stat().st_size}
    assert shown.pop("samples/4") == [(300, picture)]
    assert shown == standing(run.rows)
    assert {name.partition("/")[0] for name in shown} == {"loss", "score", "fid", "is", "reals.fid_floor"}
    assert len(shown["fid/8"]) == 1
    begun, *_, last = told(tmp_path)
    assert begun["name"] == "one"
    assert begun["config"]["hparams"] == run.experiment.model_dump(mode="json")
    assert {name: begun["config"][name] for name in ("study", "variant", "seed")} == {
        **{"study": "tiny", "variant": "one", "seed": 0}
    }
    assert last == {"finished": True}


def test_how_metrics_were_measured_gets_into_a_config_that_is_read_once(tmp_path: Path) -> None:
    finished(driven_run(tmp_path / "one", recorder(tmp_path)))
    first, second = [said["config"] for said in told(tmp_path) if "config" in said]
    assert "protocol" not in first
    assert second["protocol"] == {"images": 100, "extractor": "digits@3f82a0", "seed": 0}


def test_a_run_of_a_study_is_named_and_grouped_by_its_variant(tmp_path: Path) -> None:
    of_study = {"name": "losses", "variant": "loss=hinge", "seed": 7}
    experiment = driven.experiment(**recorder(tmp_path)).model_copy(update=of_study)
    finished(DrivenRun(tmp_path / "losses" / "loss=hinge" / "seed-7", experiment.observers, experiment))
    begun, *_ = told(tmp_path)
    assert (begun["name"], begun["group"]) == ("loss=hinge/seed-7", "loss=hinge")
    assert files(tmp_path)[0].parent.name == "losses"


def left(folder: Path, **options: Any) -> DrivenRun:
    """A run that was left at 900 images, with pictures."""
    run = driven_run(folder / "one", recorder(folder, **options))
    for images in (300, 600):
        run.train(until=images)
        run.show(f"{images:08d}-samples", run.sample(1, 0)[0])
    run.train(until=900)
    return run


def shown_once(folder: Path, run: DrivenRun) -> None:
    shown = points_of(folder)
    pictures = [
        step for chart in [name for name in shown if name.startswith("samples/")] for step, _ in shown.pop(chart)
    ]
    shown.pop("events", None)
    assert shown == standing(run.rows)
    assert sorted(pictures) == [picture.progress.images for picture in run.pictures]


def test_a_run_that_goes_on_with_the_same_bits_keeps_its_id_and_shows_nothing_twice(tmp_path: Path) -> None:
    before = left(tmp_path)
    before.callbacks.on_close()
    (file,) = files(tmp_path)
    before.go_back(500)
    run = driven_run(before.folder, recorder(tmp_path), before)
    run.train(until=600)
    run.show("00000600-samples", run.sample(1, 0)[0])
    finished(run)
    assert files(tmp_path) == [file]
    shown_once(tmp_path, run)


def test_a_run_that_goes_on_with_other_bits_takes_the_place_of_what_was_shown(tmp_path: Path) -> None:
    before = left(tmp_path)
    before.callbacks.on_close()
    (file,) = files(tmp_path)
    before.go_back(500)
    run = driven_run(before.folder, recorder(tmp_path), before)
    assert files(tmp_path) == [file], "nobody knows yet"
    run.attempt = 1  # which all its numbers follow from
    finished(run)
    assert files(tmp_path) != [file]
    shown_once(tmp_path, run)


def test_losses_at_other_steps_are_other_bits(tmp_path: Path) -> None:
    before = left(tmp_path)
    before.callbacks.on_close()
    before.go_back(500)
    before.images = 860  # nothing comes of 600 to 800
    run = finished(driven_run(before.folder, recorder(tmp_path), before))
    shown_once(tmp_path, run)
    assert [step for step, _ in points_of(tmp_path)["loss/generator"]][4:7] == [500, 900, 1000]


def test_a_run_that_is_rolled_back_is_shown_as_it_stands_and_with_what_happened(tmp_path: Path) -> None:
    run = left(tmp_path)
    run.log_event("guard.not-finite", 3.0, "a loss is infinite")
    run.go_back(500)
    run.callbacks.on_rollback(run.progress)
    run.log_event("rolled-back", 1, "for that")
    finished(run)
    assert points_of(tmp_path)["events"] == [
        (500, "rolled-back: for that"),
        (900, "guard.not-finite: a loss is infinite"),
    ]
    shown_once(tmp_path, run)


def test_numbers_that_come_late_are_told_at_their_step(tmp_path: Path) -> None:
    run = left(tmp_path)
    (file,) = files(tmp_path)
    run._record([Row(700, 2, 8, "fid", 5.0, driven.PROTOCOL)])
    finished(run)
    assert files(tmp_path) == [file]
    assert (700, 5.0) in points_of(tmp_path)["fid/8"]


def test_where_nothing_can_go_on_all_is_told_anew(tmp_path: Path) -> None:
    before = left(tmp_path, resumes=False)
    before.callbacks.on_close()
    before.go_back(500)
    run = finished(driven_run(before.folder, recorder(tmp_path, resumes=False), before))
    shown_once(tmp_path, run)


def test_a_copy_of_a_run_is_a_run_of_its_own(tmp_path: Path) -> None:
    first = left(tmp_path)
    finished(first)
    (file,) = files(tmp_path)
    before, copy = file.read_bytes(), tmp_path / "copy"
    copy.mkdir()
    (copy / "tracked-recorder.jsonl").write_bytes((first.folder / "tracked-recorder.jsonl").read_bytes())
    finished(driven_run(copy, recorder(tmp_path)))
    assert len(files(tmp_path)) == 2
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", ["{", '{"project": 3}\n[1]\n', "[]\n"])
def test_a_damaged_ledger_is_kept_and_a_new_one_begun(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tracked-recorder.jsonl").write_text(content)
    run = finished(driven_run(tmp_path / "one", recorder(tmp_path)))
    assert "so this run may be shown twice" in capsys.readouterr().err
    assert (tmp_path / "one" / "tracked-recorder.jsonl.damaged").exists()
    shown_once(tmp_path, run)


def faulty(folder: Path, fault: str, beginning: str) -> dict[str, Any]:
    (folder / "faulty.py").write_text(FAULTY.replace("FAULT", fault).replace("BEGINNING", beginning))
    return {"use": "wandb-like", "module": "faulty", "patience": 6.0 if HANGS in (fault, beginning) else 60.0}


RAISES, HANGS = 'raise RuntimeError("no server")', "time.sleep(1000)"
FAULTS = [(RAISES, RAISES), (RAISES, "pass"), (HANGS, HANGS), (HANGS, "pass")]


def bits(folder: Path) -> dict[str, str]:
    """A hash of each file of a run that says what came of it."""
    found = [folder / "metrics.jsonl", *(folder / "samples").glob("*.png")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.parametrize("beginning", [RAISES, "pass"])
def test_a_module_that_raises_is_reported_once(
    tmp_path: Path, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = driven_run(tmp_path / "one", faulty(tmp_path, RAISES, beginning))
    run.show("00000000-samples", run.sample(1, 0)[0])
    finished(run)
    assert run.images == 2000
    first, *rest = capsys.readouterr().err.splitlines()
    assert "RuntimeError: no server" in first
    assert len(rest) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "beginning"), FAULTS)
def test_a_module_that_raises_or_hangs_changes_and_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str, beginning: str
) -> None:
    monkeypatch.setattr(observers, "Worker", Worker)
    watching = [{"use": "sample-grid", "count": 4}, *QUIET]
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    began = time.monotonic()
    begin(tiny(observers=watching, evaluation=evaluation), tmp_path / "without").train()
    alone = time.monotonic() - began
    assert capsys.readouterr().err == ""
    experiment = tiny(observers=[faulty(tmp_path, fault, beginning), *watching], evaluation=evaluation)
    began = time.monotonic()
    begin(experiment, tmp_path / "with").train()
    assert time.monotonic() - began < 2 * alone + 16, "it was waited for"
    assert bits(tmp_path / "with") == bits(tmp_path / "without")
    first, last = capsys.readouterr().err.splitlines()
    how = "faulty has shown no sign of life for 6 seconds" if fault == HANGS else "RuntimeError: no server"
    assert "observer wandb_like/wandb-like failed in 'on_" in first
    assert how in first
    assert "failed in" in last


def test_training_waits_for_nothing_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Worker)
    run = driven_run(tmp_path / "one", {**faulty(tmp_path, HANGS, HANGS), "patience": 60.0})
    began = time.monotonic()
    run.train()
    assert time.monotonic() - began < 30
    process = run.callbacks.by_label["wandb_like/wandb-like"]._worker._process  # pyright: ignore
    process.kill()
    run.callbacks.on_close()


def test_a_module_that_is_not_there_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(driven_run(tmp_path / "one", {"use": "wandb-like", "module": "no_such_tracker"}))
    (said,) = capsys.readouterr().err.splitlines()
    assert "failed to begin, and is left out: no_such_tracker is not installed: pip install no_such_tracker" in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"module": "trackio", "init": {"project": "mine"}}, "project is the observer's own to tell, by `project`"),
        ({"module": "trackio", "init": {"id": "mine"}}, "id is the observer's own to tell"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], why: str) -> None:
    (problem,) = problems(tiny(observers=[{"use": "wandb-like", **options}, *QUIET]))
    assert why in str(problem)


def test_a_module_tracks_a_run_once() -> None:
    twice = [{"use": "wandb-like", "module": "trackio"}, {"use": "wandb-like", "module": "trackio", "project": "b"}]
    (problem,) = problems(tiny(observers=[*twice, *QUIET]))
    assert "trackio tracks this run already" in str(problem)
