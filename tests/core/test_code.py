"""Which source of plugins a run used is kept with it, and told where it was not the same under one name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recorded import study

from gankit.cli import main
from gankit.results.plugin_code import Code, code_of
from gankit.results.run_results import read_run


def origin(sha256: str, version: str | None = "1.0", **more: Any) -> dict[str, Any]:
    return {
        "distribution": "mine" if version else None,
        "version": version,
        "editable": False,
        "sha256": sha256,
        **more,
    }


def tell(run: Path, *states: dict[str, Any]) -> None:
    """Let the provenance of a run name plugins: at its beginning, then each time that it went on."""
    first, *others = ({"plugins": state} for state in states)
    known = json.loads((run / "provenance.json").read_text())
    (run / "provenance.json").write_text(json.dumps({**known, **first, "resumed": others}))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A study of two variants with two seeds each, all with the same code."""
    place = study(tmp_path / "s", {"hinge": [5, 6], "wgan": [4, 5]})
    for run in place.glob("*/*"):
        tell(run, {"mine": origin("a" * 64), "other": origin("c" * 64)})
    return place


def compared(place: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["compare", str(place), "--format", "markdown"]) == 0
    return capsys.readouterr().out


def test_nothing_is_said_of_the_same_code(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "same code" not in compared(runs, capsys)


def test_other_code_under_one_name_is_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(runs / "loss=wgan/seed-1", {"mine": origin("b" * 64, editable=True), "other": origin("c" * 64)})
    said = compared(runs, capsys).partition("Not the same code under one name")[2]
    assert [line.split(" | ") for line in said.splitlines() if line.startswith("| mine")] == [
        ["| mine", "aaaaaaaaaaaa", "mine 1.0", "loss=hinge, loss=wgan/seed-0 |"],
        ["| mine", "bbbbbbbbbbbb", "mine 1.0, editable", "loss=wgan/seed-1 |"],
    ]
    assert "| other" not in said


def test_so_is_code_that_changed_while_a_run_was_left(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(runs / "loss=wgan/seed-1", {"mine": origin("a" * 64)}, {"mine": origin("d" * 64, version=None)})
    said = compared(runs, capsys)
    assert "| mine | aaaaaaaaaaaa | mine 1.0 | all |" in said
    assert "| mine | dddddddddddd | a single file | loss=wgan/seed-1 |" in said


def test_the_same_source_in_two_versions_is_the_same_code(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(runs / "loss=wgan/seed-1", {"mine": origin("a" * 64, version="1.1")})
    assert "same code" not in compared(runs, capsys)


def test_runs_that_do_not_tell_are_not_known_to_differ(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "loss=wgan/seed-1/provenance.json").unlink()
    assert read_run(runs / "loss=wgan/seed-1").code == []
    assert "same code" not in compared(runs, capsys)


def test_each_state_is_kept_once() -> None:
    entries = [
        {"plugins": {"mine": origin("a")}},
        {"plugins": {"mine": origin("a")}},
        {"plugins": {"mine": origin("b")}},
    ]
    assert code_of(entries) == [Code("mine", "mine", "1.0", False, "a"), Code("mine", "mine", "1.0", False, "b")]
