"""Commands that execute code of a run's folder say so before, or do not; those that only read it execute none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command import QUICKSTART, SMALL, gankit, gankit_here
from support.slow import slow_but

from gankit.discovery.sources import sha256_of
from gankit.runs.folder import EXPERIMENT

pytestmark = pytest.mark.costly

PLUGIN = """
import sys
from pathlib import Path

from gankit import Loss, hookimpl

Path("executed").touch()
print("executed", file=sys.stderr)


class Mine(Loss):
    def discriminator(self, real, fake):
        return fake.mean() - real.mean()

    def generator(self, fake, real=None):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("mine", Mine)
"""
TRAINING = [*SMALL, "--set", "growth={use: fixed, resolution: 4, images: 32}", "--set", "loss=my_loss/mine"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a plugin that is a single file."""
    folder = tmp_path_factory.mktemp("author")
    (folder / "my_loss.py").write_text(PLUGIN)
    done = gankit_here(["run", QUICKSTART, *TRAINING, "--plugin", "my_loss.py", "--out", "run"], folder)
    assert (done.returncode, done.stderr.split("gankit: ")[0]) == (0, "executed\n")
    assert "executes" not in done.stderr
    return folder / "run"


EXECUTING = [
    ["sample", "sent", "-n", "1", "-o", "grid.png"],
    ["evaluate", "sent", "--metrics", "fid"],
    ["track", "sent", "--to", "tensorboard"],
    ["report", "sent", "-o", "page.html"],
    ["resume", "sent"],
    ["validate", "sent/experiment.yaml"],
    ["expand", "sent/experiment.yaml"],
    ["run", "sent/experiment.yaml", "--out", "again"],
]
READING = [["compare", "sent"], ["runs", "sent"]]


@pytest.fixture
def sent(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run as others have received it."""
    monkeypatch.setenv("GANKIT_NO_RUN_PLUGINS", "")  # so that what a command sets is gone afterwards
    return Path(shutil.copytree(trained, tmp_path / "sent"))


COMMANDS = slow_but([*EXECUTING[:2], EXECUTING[-1], READING[0]], [*EXECUTING, *READING])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_code_of_a_folder_is_named_before_it_is_executed(sent: Path, tmp_path: Path, command: Sequence[str]) -> None:
    done = gankit_here(command, tmp_path)
    assert done.returncode == 0
    file = sent / "plugins" / "my_loss.py"
    told = f"gankit: executes plugin {file} (source {sha256_of(file)[:12]}), which {EXPERIMENT} lists\nexecuted\n"
    executes = command in EXECUTING
    assert (tmp_path / "executed").exists() == executes
    said = done.stderr.replace(str(sent / EXPERIMENT), EXPERIMENT).replace(f"sent/{EXPERIMENT}", EXPERIMENT)
    assert said.count(told) == said.count("executes") == executes


@pytest.mark.parametrize("command", EXECUTING, ids=lambda command: command[0])
def test_it_is_not_executed_if_that_is_not_wanted(sent: Path, tmp_path: Path, command: Sequence[str]) -> None:
    done = gankit_here([*command, "--no-run-plugins"], tmp_path)
    assert not (tmp_path / "executed").exists()
    assert "executed" not in done.stdout
    said = (tmp_path / "page.html").read_text() if command[0] == "report" else done.stderr
    assert done.returncode == {"report": 0, "track": 1}.get(command[0], 2), "a report goes on without samples"
    assert "is not executed, as --no-run-plugins or GANKIT_NO_RUN_PLUGINS asks" in said


def test_a_variable_says_so_too(sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_NO_RUN_PLUGINS", "1")
    assert gankit_here(["validate", sent / EXPERIMENT], tmp_path).returncode == 2
    assert not (tmp_path / "executed").exists()


def test_what_the_user_names_is_executed_all_the_same(sent: Path, tmp_path: Path) -> None:
    shutil.copy(sent / "plugins" / "my_loss.py", tmp_path)
    command = ["validate", "sent/experiment.yaml", "--plugin", "my_loss.py", "--no-run-plugins"]
    assert gankit_here(command, tmp_path).returncode == 0
    (tmp_path / "mine.yaml").write_text("extends: sent/experiment.yaml\nplugins: []\n")
    command = ["validate", "mine.yaml", "--set", "plugins=[my_loss.py]", "--no-run-plugins"]
    done = gankit_here(command, tmp_path)
    assert (done.returncode, done.stderr) == (0, "executed\n")


@pytest.mark.slow
@pytest.mark.parametrize("setting", [["--plugin", "my_loss.py"], ["--set", "evaluation.background=true"]])
def test_processes_of_ours_do_not_ask_again(sent: Path, tmp_path: Path, setting: Sequence[str]) -> None:
    shutil.copy(sent / "plugins" / "my_loss.py", tmp_path)
    base = f"extends: {QUICKSTART}\nplugins: [my_loss.py]\nloss: my_loss/mine\n"
    (tmp_path / "study.yaml").write_text(base + "matrix: {seed: [0, 1]}\nlauncher: {use: processes}\n")
    (tmp_path / "one.yaml").write_text(base)
    names = setting[0] == "--plugin"
    file = "study.yaml" if names else "one.yaml"
    done = gankit(["run", file, *TRAINING, *setting, *["--no-run-plugins"] * names], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("executes plugin") == (0 if names else 1)
