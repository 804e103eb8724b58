"""Commands that execute code of a run's folder say so, and those that only read it execute none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command import QUICKSTART, SMALL, gankit_here

pytestmark = pytest.mark.costly

PLUGIN = """
from pathlib import Path

from gankit import Loss, hookimpl

Path("executed").touch()


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
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "run"


@pytest.mark.parametrize(
    ("command", "executes"),
    [
        (["sample", "sent", "-n", "1", "-o", "grid.png"], True),
        (["evaluate", "sent", "--metrics", "fid"], True),
        (["report", "sent", "-o", "page.html"], True),
        (["resume", "sent"], True),
        (["compare", "sent"], False),
        (["runs", "sent"], False),
    ],
)
def test_code_of_a_folder_is_not_executed_silently(
    trained: Path, tmp_path: Path, command: Sequence[str], executes: bool
) -> None:
    shutil.copytree(trained, tmp_path / "sent")
    done = gankit_here(command, tmp_path)
    assert done.returncode == 0
    told = f"gankit: executed {tmp_path / 'sent' / 'plugins' / 'my_loss.py'}, a plugin that the run's folder names\n"
    assert (tmp_path / "executed").exists() == executes
    assert done.stderr.count(told) == done.stderr.count("executed") == executes
