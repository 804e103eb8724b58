"""What others have written, in runs, experiments and names, upsets no terminal and is computed by no spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from support.recorded import PROTOCOL, measured, recorded, study
from support.toys import EXPERIMENT

from gankit.cli import main
from gankit.core.failures import warn

ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m\r\u202e"
"""Sets a window's title, clears the screen, colours, overwrites the line, and turns the order of letters round."""


def controls(text: str) -> set[str]:
    """What of `text` a terminal would obey."""
    return {character for character in text if not character.isprintable() and character != "\n"}


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of others, with escapes wherever text may stand."""
    monkeypatch.chdir(tmp_path)
    protocol = {**PROTOCOL, "extractor": f"digits{ESCAPES}"}
    for variant, fid in (("loss=a", 5.0), (f"loss=b{ESCAPES}", 4.0)):
        about: dict[str, Any] = {"name": f"losses{ESCAPES}", "variant": variant, "loss": {"use": f"gan/{variant}"}}
        rows = measured(1000, 1, 4, protocol, **{"fid": fid, f"odd{ESCAPES}": 1.0})
        recorded(Path("received", f"run-{fid}{ESCAPES}"), rows, [(4, 1000)], **about)
    return Path("received")


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "json", "html"])
def test_a_comparison_of_received_runs_is_printable(
    received: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(received), "--metric", "fid", "--metric", f"odd{ESCAPES}", "--format", form]) == 0
    assert main(["compare", str(received), "--format", form, "-o", "written"]) == 0
    shown = capsys.readouterr()
    assert "loss=b" in shown.out
    assert not controls(shown.out + shown.err)
    assert not controls(Path("written").read_bytes().decode())


def test_so_are_lists_of_runs_and_what_is_said_of_damaged_ones(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (next(received.iterdir()) / "metrics.jsonl").write_text("{}\n")
    assert main(["runs", str(received)]) == 0
    assert main(["compare", str(received)]) == 1
    shown = capsys.readouterr()
    assert "not a row of metrics" in shown.err
    assert not controls(shown.out + shown.err)


def test_so_are_unlike_protocols(received: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = measured(1000, 1, 4, {**PROTOCOL, "extractor": f"other{ESCAPES}"}, fid=1.0)
    recorded(received / "third", rows, [(4, 1000)], loss={"use": "gan/c"})
    assert main(["compare", str(received)]) == 2
    said = capsys.readouterr().err
    assert "measured differently" in said
    assert not controls(said)


@pytest.mark.parametrize("command", ["compare", "runs", "validate", "sample -o x.png", "evaluate"])
def test_so_are_refusals(command: str, received: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), f"absent{ESCAPES}"]) == 2
    said = capsys.readouterr().err
    assert "absent" in said
    assert not controls(said)


@pytest.mark.parametrize("command", ["compare", "runs", "sample -o x.png", "resume", "evaluate"])
def test_no_refusal_is_longer_than_is_read(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "absent/" * 500]) == 2
    said = capsys.readouterr().err
    assert " ... " in said
    assert max(map(len, said.splitlines())) <= 1000


def test_nor_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    warn("the evaluation gave no " + "x" * 20_000)
    assert len(capsys.readouterr().err.rstrip("\n")) <= 1000


def test_so_are_mistakes_and_warnings(
    tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("experiment.yaml").write_text(EXPERIMENT + 'plugins: ["\\e[2J.py"]\n')
    assert main(["validate", "experiment.yaml"]) == 2
    warn(f"left out: holiday{ESCAPES}.png")
    said = capsys.readouterr().err
    assert "left out: holiday" in said
    assert not controls(said)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\uff1d", "\uff20"])
def test_a_spreadsheet_computes_no_cell(tmp_path: Path, begin: str, capsys: pytest.CaptureFixture[str]) -> None:
    formula = f'{begin}HYPERLINK("http://evil.example","Click")'
    for variant, fid in ((formula, 5.0), ("b", 4.0)):
        rows = measured(1000, 1, 4, fid=fid)
        recorded(tmp_path / f"{fid}", rows, [(4, 1000)], name="x", variant=variant, loss={"use": variant})
    assert main(["compare", str(tmp_path), "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sorted(line["variant"] for line in lines) == sorted(["b", f"'{formula}"])


def test_numbers_stay_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path / "losses", {"a": [5.0], "b": [4.0]})
    assert main(["compare", str(tmp_path), "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert "-1.0" in {line["difference"] for line in lines}
