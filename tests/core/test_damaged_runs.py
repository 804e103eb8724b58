"""A run that cannot be read is named, and hides no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.pages import page_of
from support.recorded import study
from support.slow import slow_but
from support.tiny import tiny

from gankit import UserError
from gankit.cli import main
from gankit.core.errors import Interrupted
from gankit.results.run_results import read_run
from gankit.runs.loop import TrainingLoop
from gankit.runs.provenance import recorded_provenance
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly

DAMAGES = {
    "metrics.jsonl": "junk\n",
    "experiment.yaml": "",
}
UNREADABLE = {
    "lost": None,
    "empty": "",
    "cut off": '{"stages": [[4, 10',
    "of another form": "[]",
    "of others' stages": '{"stages": [[4, 1000, 0, "and more", 7]]}',
    "of others' plugins": '{"plugins": {"mine": {"sha256": 7}}}',
    "no text": "\x00\x01",
    "absurd": '{"threads": 1000000000}',
}
"""What can become of provenance.json."""


@pytest.fixture
def losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study of two losses and three seeds."""
    monkeypatch.chdir(tmp_path)
    study(Path("runs/losses"), {"hinge": [5.0, 6.0, 7.0], "wgan": [4.0, 4.9, 6.1]})
    return Path("runs/losses")


def damage(run: Path, file: str = "metrics.jsonl") -> Path:
    """Give a file of the run a content that gankit never writes."""
    (run / file).write_text(DAMAGES[file])
    return run


@pytest.mark.parametrize("file", DAMAGES)
def test_runs_are_listed_beside_a_damaged_one(losses: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = damage(losses / "loss=wgan" / "seed-1", file)
    assert main(["runs"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[2:7]] == [
        f"{losses}/loss={loss}/seed-{seed}"
        for loss, seed in (("hinge", 0), ("hinge", 1), ("hinge", 2), ("wgan", 0), ("wgan", 2))
    ]
    assert all(line[-3:-1] == ["7.000", "at"] or line[-2] == "at" for line in lines[2:7])
    assert lines[7] == [str(run), "damaged", "-", "-", "-"]
    assert lines[8][0] == "damaged:"
    assert str(run) in lines[8][1], "the reason names the run or its file"


def test_a_file_that_may_not_be_read_is_damage_too(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = losses / "loss=wgan" / "seed-1" / "metrics.jsonl"
    file.unlink()
    file.mkdir()
    assert main(["runs"]) == 0
    assert f"damaged: {file}: cannot be read: Is a directory" in capsys.readouterr().out


def test_a_comparison_goes_on_without_it_and_says_so(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = damage(losses / "loss=wgan" / "seed-1")
    assert main(["compare", str(losses)]) == 1
    printed = capsys.readouterr()
    named = f"{run} is damaged and left out: {run}/metrics.jsonl:1: not a row of metrics"
    assert named in printed.err
    assert named in printed.out
    assert "their seeds are missing from n, means and intervals" in printed.out
    (wgan,) = [line.split() for line in printed.out.splitlines() if line.startswith("loss=wgan") and "5.050" in line]
    assert wgan[:4] == ["loss=wgan", "1–2", "2", "5.050"]


def test_every_form_of_a_comparison_says_so(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = damage(losses / "loss=wgan" / "seed-1")
    for form in ("markdown", "html"):
        assert main(["compare", str(losses), "--format", form]) == 1
        assert "is damaged and left out" in capsys.readouterr().out
    assert main(["compare", str(losses), "--format", "csv"]) == 1
    assert "is damaged and left out" in capsys.readouterr().err
    assert main(["compare", str(losses), "--format", "json"]) == 1
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [one["folder"] for one in found["damaged"]] == [str(run)]
    assert main(["report", str(losses), "-o", "page.html"]) == 1
    assert "is damaged and left out" in capsys.readouterr().err
    assert f"{run} is damaged and left out" in Path("page.html").read_text()


def test_nothing_is_said_of_damage_where_there_is_none(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(losses)]) == 0
    assert "amaged" not in "".join(capsys.readouterr())
    assert "amaged" not in page_of(losses).text


def test_damaged_runs_alone_cannot_be_compared(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = damage(losses / "loss=wgan" / "seed-1")
    assert main(["compare", str(run)]) == 2
    assert "metrics.jsonl:1: not a row of metrics" in capsys.readouterr().err


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_run_that_does_not_tell_where_it_comes_from_is_compared_and_that_is_said(
    losses: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = losses / "loss=wgan" / "seed-1"
    spoil(run / "provenance.json", UNREADABLE[how])
    said = f"{run}/provenance.json is {'lost' if how == 'lost' else 'damaged: '}"
    assert main(["runs"]) == 0
    shown = capsys.readouterr().out
    assert said in shown
    assert f"{run} " in shown
    assert main(["compare", str(losses)]) == 0
    printed = capsys.readouterr()
    assert said in printed.out
    assert said in printed.err
    (wgan,) = [line.split() for line in printed.out.splitlines() if line.startswith("loss=wgan") and "5.000" in line]
    assert wgan[:4] == ["loss=wgan", "1–2", "3", "5.000"]


def test_events_that_nobody_wrote_are_passed_over(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["{}", '{"event": "stage"}', '{"event": ["stage"], "generator_parameters": "7"}', "[]", '{"event": "stage']
    for run in losses.glob("*/seed-1"):
        (run / "times.jsonl").write_text("\n".join(lines))
    assert main(["compare", str(losses)]) == 0
    assert main(["runs"]) == 0
    assert "amaged" not in "".join(capsys.readouterr())


def spoil(file: Path, content: str | None) -> None:
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_text(content)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was left in the middle."""
    folder = tmp_path_factory.mktemp("left") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingLoop, "_iterate", interrupted_later(TrainingLoop._iterate))
        with pytest.raises(Interrupted):
            begin(tiny(), folder).train()
    return folder


def interrupted_later(iterate: Callable[[TrainingLoop], None]) -> Callable[[TrainingLoop], None]:
    def iterate_or_leave(loop: TrainingLoop) -> None:
        if loop.progress.images >= 48:
            raise Interrupted(15)
        iterate(loop)

    return iterate_or_leave


@pytest.mark.parametrize("how", slow_but(["lost", "cut off", "of others' stages", "absurd"], UNREADABLE))
def test_a_run_goes_on_without_it_and_begins_a_new_one(
    left: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(left, tmp_path / "run")
    spoil(run / "provenance.json", UNREADABLE[how])
    before = (run / "provenance.json").read_bytes() if how != "lost" else None
    with pytest.raises(UserError, match="--strict: what the run was trained with so far is not known"):
        resume(run, strict=True)
    assert before is None or (run / "provenance.json").read_bytes() == before
    resumed = resume(run)
    assert resumed is not None
    said = capsys.readouterr().err
    assert f"{run}/provenance.json is {'lost' if how == 'lost' else 'damaged: '}" in said
    assert "a new one is begun" in said
    kept = run / "provenance.json.damaged"
    assert (kept.read_bytes() if kept.exists() else None) == before
    resumed._record.close()
    beginning, again = recorded_provenance(run)
    assert "lost" in beginning
    assert again["images"] == 48
    assert read_run(run).damage == []


@pytest.mark.parametrize(
    "content", slow_but([None, "{", '{"event": 7}'], [None, "", "{", "[]", "null", '"text"', "\x00", '{"event": 7}'])
)
@pytest.mark.parametrize("name", ["times.jsonl", ".holder.json", "metrics.jsonl"])
def test_no_other_file_that_is_not_the_state_stops_a_run(
    left: Path, tmp_path: Path, name: str, content: str | None
) -> None:
    run = shutil.copytree(left, tmp_path / "run")
    sealed = (run / "metrics.jsonl").read_bytes()
    spoil(run / name, content)
    resumed = resume(run)
    assert resumed is not None
    resumed._record.close()
    assert (run / "metrics.jsonl").read_bytes() == sealed
    read_run(run)


def test_another_experiment_than_the_one_that_was_trained_is_not_gone_on_with(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(left, tmp_path / "run")
    file = run / "experiment.yaml"
    file.write_text(file.read_text().replace("\nseed: 0", "\nseed: 7").replace("weight: 10.0", "weight: 90.0"))
    said = f"{file} is not what the run was trained by: seed was 0 and is 7, regularizers.0.weight was 10.0 and is 90.0"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for command in (["resume"], ["sample", "-o", str(tmp_path / "grid.png")], ["evaluate", "--metrics", "is"]):
        assert main([*command, str(run)]) == 2
        assert said in capsys.readouterr().err
    for command, code in (("runs", 0), ("compare", 1)):
        assert main([command, str(run)]) == code
        assert said in "".join(capsys.readouterr()).replace("\n", " ")
    main(["compare", str(run), "--format", "json"])
    assert [one["reason"] for one in json.loads(capsys.readouterr().out)["changed"]] == [said]
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"} == before


def test_what_may_change_may_be_changed_in_the_file_too(left: Path, tmp_path: Path) -> None:
    run = shutil.copytree(left, tmp_path / "run")
    file = run / "experiment.yaml"
    file.write_text(file.read_text().replace("images: 16", "images: 8"))
    assert read_run(run, check=True).damage == []
    resumed = resume(run)
    assert resumed is not None
    assert resumed.experiment.evaluation.images == 8
    resumed._record.close()


def test_what_was_measured_is_not_recorded_again_where_the_record_is_lost(tmp_path: Path) -> None:
    run = tmp_path / "run"
    begin(tiny(evaluation={"metrics": ["is"], "extractor": "digits", "images": 16}), run).train()
    (run / "metrics.jsonl").unlink()
    before = {path: path.read_bytes() for path in run.rglob("*/*") if path.is_file()}
    assert main(["evaluate", str(run)]) == 0
    assert {path: path.read_bytes() for path in run.rglob("*/*") if path.is_file()} == before
