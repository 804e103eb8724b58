"""A run that cannot be read is named, and hides no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.pages import page_of
from support.recorded import study

from gankit.cli import main

DAMAGES = {
    "metrics.jsonl": "junk\n",
    "experiment.yaml": "",
    "provenance.json": '{"stages": [[4, 1000, 0, "and more", 7]]}',
    "times.jsonl": '{"event": "stage"}\n',
}


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
    assert wgan[:3] == ["loss=wgan", "2", "5.050"]


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
