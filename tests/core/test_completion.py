"""What a shell is told that a line can go on with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.installing import install
from support.recorded import measured, recorded

from gankit.cli import COMMANDS, add_command, main
from gankit.cli.options import Parser

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
    assert set(completed("gankit ex", tmp_path)) == {"expand", "explain", "export", "extractor"}
    assert "train" in completed("gankit extractor ", tmp_path)


@pytest.mark.slow
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


@pytest.mark.slow
def test_options_that_may_be_set_and_components_for_them(tmp_path: Path) -> None:
    assert "training.batch=" in completed("gankit run file.yaml --set training.b", tmp_path)
    (tmp_path / "file.yaml").write_text("loss: least-squares\nregularizers: [drift]\n")
    assert "loss.target=" in completed("gankit run file.yaml --set loss.", tmp_path)


def offered(line: str) -> list[str]:
    """What may stand where `line` ends, after an option of a command, by the completers of its parser."""
    *words, option, prefix = line.split(" ")
    parser = Parser()
    add_command(parser.add_subparsers(), words[0])
    arguments = parser.parse_args(words)
    (command,) = [action.choices[words[0]] for action in parser._actions if isinstance(action.choices, dict)]
    (action,) = [action for action in command._actions if option in action.option_strings]
    return [each for each in action.completer(prefix=prefix, parsed_args=arguments) if each.startswith(prefix)]


def test_settings_follow_the_file_and_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.yaml").write_text("loss: least-squares\nregularizers: [drift]\n")
    assert {"loss.target=", "loss.real="} <= {*offered("run file.yaml --set loss.")}
    assert offered("validate file.yaml --set regularizers.0.w") == ["regularizers.0.weight="]
    assert offered("run gone.yaml --set training.optimizer.be") == ["training.optimizer.betas="]
    assert "observers=" in offered("resume run --set obs")
    assert "loss=least-squares" in offered("run file.yaml --set loss=le")
    assert "training.optimizer=rmsprop" in offered("run file.yaml --set training.optimizer=")
    assert offered("run file.yaml --set training.batch=") == []
    Path("broken.yaml").write_text("loss: {")
    assert "training.mirror=" in offered("run broken.yaml --set training.mi")
    runs = recorded(tmp_path / "run", [], loss="least-squares")
    assert "loss.target=" in offered(f"resume {runs} --set loss.t")


def test_metrics_are_those_of_the_runs_or_all(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=2.0, fid_floor=0.1, own=3.0))
    assert offered(f"compare {run} --metric ") == ["fid", "own"]
    assert offered(f"runs {run} --metric o") == ["own"]
    assert {"fid", "kid"} <= {*offered(f"report {tmp_path / 'gone'} -o a.html --metric ")}
    assert offered("evaluate a --metrics ki") == ["kid"]
    assert "digits" in offered("evaluate a --extractor d")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "gankit" in capsys.readouterr().out


def test_bash_takes_the_script(tmp_path: Path) -> None:
    script = subprocess.run([sys.executable, "-m", "gankit", "completion", "bash"], capture_output=True, check=True)
    (tmp_path / "script").write_bytes(script.stdout)
    done = subprocess.run(["bash", "-c", "source ./script && complete -p gankit"], cwd=tmp_path, capture_output=True)
    assert b"_python_argcomplete gankit" in done.stdout
