"""What a shell is told that a line can go on with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.installing import install

from gankit.cli import COMMANDS, main

pytestmark = pytest.mark.costly


def completed(line: str, folder: Path, **environment: str) -> list[str]:
    """What the command answers to a shell in which `line` is typed."""
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "bash"}
    answer = folder / "answer"
    done = subprocess.run(
        [sys.executable, "-m", "gankit"],
        env={
            **os.environ,
            **asked,
            **environment,
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return answer.read_text().split("\n") if answer.exists() else []


def test_commands_and_those_of_plugins(tmp_path: Path) -> None:
    assert {*COMMANDS, "ui", "extractor"} <= set(completed("gankit ", tmp_path))
    assert set(completed("gankit ex", tmp_path)) == {"expand", "explain", "extractor"}
    assert "train" in completed("gankit extractor ", tmp_path)


def test_options_choices_and_files(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").touch()
    assert "--baseline" in completed("gankit compare runs --", tmp_path)
    assert {"csv", "json"} <= set(completed("gankit compare --format ", tmp_path))
    assert [each.strip() for each in completed("gankit run exp", tmp_path)] == ["experiment.yaml"]


def test_kinds_and_components_of_installed_plugins(tmp_path: Path) -> None:
    install(tmp_path, "lifting", "lifting")
    assert "loss" in completed("gankit explain l", tmp_path)
    assert "loss/hinge" in completed("gankit explain loss/", tmp_path)
    assert completed("gankit explain loss/li", tmp_path, PYTHONPATH=str(tmp_path))[0].strip() == "loss/lift"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "gankit" in capsys.readouterr().out


def test_bash_takes_the_script(tmp_path: Path) -> None:
    script = subprocess.run([sys.executable, "-m", "gankit", "completion", "bash"], capture_output=True, check=True)
    (tmp_path / "script").write_bytes(script.stdout)
    done = subprocess.run(["bash", "-c", "source ./script && complete -p gankit"], cwd=tmp_path, capture_output=True)
    assert b"_python_argcomplete gankit" in done.stdout
