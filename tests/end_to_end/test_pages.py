"""Pages of the documentation, carried out step by step."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import SMALL, gankit_here
from support.console import Command, File, carry_out, matches, steps
from support.environments import Environment

from gankit.config.loader import bundled_experiment, load_experiment

DOCS = Path(__file__).parents[2] / "docs"
EXPERIMENTS, TUTORIAL, WRITE_A_PLUGIN = DOCS / "experiments.md", DOCS / "tutorial.md", DOCS / "write-a-plugin.md"


def test_everything_on_experiments_is_so(tmp_path: Path) -> None:
    carry_out(EXPERIMENTS.read_text(), tmp_path, typed)


def typed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Carry out a line of bash with the `gankit` of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_everything_on_writing_a_plugin_is_so(tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    carry_out(WRITE_A_PLUGIN.read_text(), folder, Environment(tmp_path).run)


def test_its_steps_are_read() -> None:
    found = list(steps(WRITE_A_PLUGIN.read_text()))
    assert [step.path for step in found if isinstance(step, File)][:2] == ["my_loss.py", "mine.yaml"]
    assert sum(isinstance(step, Command) for step in found) > 10


@pytest.mark.parametrize(
    ("printed", "shown", "right"),
    [
        ("a\nb\n", ["a", "b"], True),
        ("a\nb\nc\n", ["a", "..."], True),
        ("a\nb\nc\n", ["...", "c"], True),
        ("a\nb\nc\n", ["a", "...", "c"], True),
        ("a\nc\n", ["a", "...", "c"], True),
        ("a\n", ["a", "..."], True),
        ("fid  3.25e-05 of it\n", ["fid 1.5 of ..."], True),
        ("", [], True),
        ("", ["..."], True),
        ("a\nb\n", ["a"], False),
        ("a\nb\n", ["a", "c"], False),
        ("a\nb\n", ["...", "a"], False),
        ("12 images", ["13 images"], False),
        ("oops\n", [], False),
    ],
)
def test_what_is_printed_is_compared_with_what_is_shown(printed: str, shown: list[str], right: bool) -> None:
    assert matches(printed, shown) is right


@pytest.mark.slow
def test_everything_on_averages_is_so(tmp_path: Path) -> None:
    carry_out((DOCS / "averages.md").read_text(), tmp_path, typed)


@pytest.mark.slow
def test_everything_that_agents_are_told_is_so(tmp_path: Path) -> None:
    page = DOCS.parent / "AGENTS.md"
    assert len(page.read_text().splitlines()) < 100
    carry_out(page.read_text(), tmp_path, typed)


@pytest.mark.slow
def test_failures_look_as_shown(tmp_path: Path) -> None:
    carry_out((DOCS / "json.md").read_text(), tmp_path, typed)


@pytest.mark.slow
def test_everything_on_conditions_is_so(tmp_path: Path) -> None:
    carry_out((DOCS / "conditions.md").read_text(), tmp_path, typed)


def test_the_experiment_on_attributes_is_valid(tmp_path: Path) -> None:
    (first, *_) = [step for step in steps((DOCS / "conditions.md").read_text()) if isinstance(step, File)]
    (tmp_path / "quickstart.yaml").write_bytes(bundled_experiment("quickstart").read_bytes())
    (tmp_path / first.path).write_text(first.text)
    assert load_experiment(tmp_path / first.path).data.attribute_names() == ("slant", "thickness")


def here(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Carry out a line in this process if it is gankit alone, which saves the start; else as bash does."""
    if not line.startswith("gankit ") or ">" in line:
        return typed(line, folder)
    done = gankit_here(shlex.split(line)[1:], folder)
    return subprocess.CompletedProcess(line, done.returncode, done.stderr + done.stdout)


def shrunk(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The same, where what is trained is far smaller than the page has it."""
    return here(f"{line} {shlex.join(SMALL)}" if line.startswith("gankit run ") else line, folder)


@pytest.mark.parametrize("page", ["install", "gpu"])
def test_everything_on_short_pages_is_so(page: str, tmp_path: Path) -> None:
    carry_out((DOCS / f"{page}.md").read_text(), tmp_path, here)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["own-architecture", "evaluate-others"])
def test_everything_on_pages_that_train_is_so_but_for_how_long(page: str, tmp_path: Path) -> None:
    carry_out((DOCS / f"{page}.md").read_text(), tmp_path, shrunk)


@pytest.mark.slow
def test_a_folder_of_images_is_trained_on_in_the_steps_that_are_given(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    for number in range(60):
        file = tmp_path / "faces" / f"{number % 3}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.integers(0, 256, (70, 90, 3), dtype=np.uint8)).save(file)
    carry_out((DOCS / "data.md").read_text(), tmp_path, shrunk)
    assert "images/folder" in (tmp_path / "runs" / "faces" / "experiment.yaml").read_text()


@pytest.mark.slow
def test_everything_in_the_tutorial_is_so_but_for_the_length_of_training(tmp_path: Path) -> None:
    page = re.sub(r"\d+,\d{3}|─+", "...", TUTORIAL.read_text())  # numbers of images, and how wide tables are
    carry_out(page.replace("seed: [0, 1, 2]", "seed: [0, 1]").replace("6 runs", "4 runs"), tmp_path, shrunk)
