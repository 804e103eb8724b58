"""What lies in the folder that gankit is called in is never imported by the processes that it starts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from support.command import QUICKSTART

import gankit.testing.components as rules
from gankit import Job
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.studies.runner import run_study
from gankit_launchers.launchers import Sequential

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder holds modules that are called like Python's own."""
    for name in ("argparse", "importlib", "json", "queue", "runpy", "tempfile"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the current folder was run')")
    monkeypatch.chdir(tmp_path)


def test_the_runs_of_a_study_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Job] = []

    def launch(_: Sequential, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        begun.extend(jobs)
        yield from ((job, 0) for job in jobs)

    monkeypatch.setattr(Sequential, "launch", launch)
    (tmp_path / "study.yaml").write_text(f"extends: {QUICKSTART}\nseed: 0\nmatrix: {{seed: [0]}}\n")
    study = load_study(Path("study.yaml"))
    assert isinstance(study, Study)
    assert run_study(study, tmp_path / "out") == []
    (job,) = begun
    command = job.command[: job.command.index("gankit") + 1]
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout[:7]) == (0, "gankit "), said.stderr


def test_the_rule_about_imports_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine_of_late.py").write_text("import json, queue\nimport xml")
    monkeypatch.syspath_prepend(tmp_path / "plugins")  # what this process can import, the other can
    assert rules._heavy_imports("mine_of_late") == ""


def test_every_python_that_is_started_is_told_so() -> None:
    """Be it in a list of words or in a line for a shell."""
    for file in [*(ROOT / "gankit").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        text = file.read_text()
        told = re.findall(r'\[sys\.executable, "-P"|\{shlex\.quote\(sys\.executable\)\} -P"', text)
        assert len(told) == text.count("sys.executable"), file


def test_python_takes_the_word() -> None:
    """That these modules would be run otherwise."""
    said = subprocess.run([sys.executable, "-c", "import queue"], capture_output=True, text=True, check=False)
    assert "a file of the current folder was run" in said.stderr
