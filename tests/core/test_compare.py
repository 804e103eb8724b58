"""gankit compare, as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gankit.cli import main
from gankit.observing import Row
from gankit.runs.record import RunFolder


def run_with(path: Path, images: int, metrics: Mapping[str, float]) -> Path:
    path.mkdir()
    (path / "experiment.yaml").write_text("name: tiny\n")
    protocol = {"images": images, "extractor": "digits-3f"}
    RunFolder(path).record([Row(100, 1, 4, name, value, protocol) for name, value in metrics.items()])
    return path


def test_the_run_with_the_lower_fid_comes_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse = run_with(tmp_path / "worse", 1000, {"fid": 9.5, "fid_floor": 0.25})
    better = run_with(tmp_path / "better", 1000, {"fid": 2.5, "fid_floor": 0.25})
    assert main(["compare", str(worse), str(better)]) == 0
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines() if line.strip().startswith("4x4")]
    assert lines == [["4x4", "better", "100", "*2.500", "0.2500"], ["4x4", "worse", "100", "9.500", "0.2500"]]
    assert "images 1000, extractor digits-3f" in printed.out
    assert printed.err == ""


def test_numbers_that_were_measured_differently_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (run_with(tmp_path / str(images), images, {"fid": 1.0}) for images in (1000, 898))
    assert main(["compare", str(one), str(two)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"  images: 1000 in {one}, 898 in {two} (fid at 4x4)" in printed.err


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err


def test_comparing_imports_no_torch(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", 1000, {"fid": 9.5})
    code = "import json, sys; from gankit.cli import main; main(sys.argv[1:]); print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code, "compare", str(run)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    imported = json.loads(printed.splitlines()[-1])
    assert "gankit.runs.results" in imported
    assert {"torch", "aim", "torch_fidelity"}.isdisjoint(imported)
