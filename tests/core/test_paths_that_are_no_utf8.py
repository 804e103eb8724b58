"""Paths may be any bytes that a file system takes: what is recorded of them is read again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command import QUICKSTART, SMALL, gankit_here
from support.lift import PLUGIN

from gankit.config.loader import load_experiment
from gankit.config.yaml.parser import parse
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import UserError
from gankit.data.pictures import save_png

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take no such names")
BAD = os.fsdecode(b"bad\xff\x80")


def test_what_is_written_of_such_a_path_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / BAD / "images"
    folder.mkdir(parents=True)
    save_png(folder / "0.png", np.zeros((8, 8, 1), np.uint8))
    monkeypatch.chdir(tmp_path / BAD)
    experiment = load_experiment(QUICKSTART, ["data={use: folder, path: images}"])
    assert "udcff" in dump_experiment(experiment).lower()
    (tmp_path / "again.yaml").write_text(dump_experiment(experiment), encoding="utf-8")
    assert load_experiment(tmp_path / "again.yaml") == experiment


@pytest.mark.parametrize("half", ["\\ud800", "\\udbff", "\\udc7f", "\\udd00", "\\udfff"])
def test_other_halves_of_characters_are_still_refused(half: str) -> None:
    with pytest.raises(UserError, match="half of a character"):
        parse(f'"{half}"', "file")


@pytest.mark.costly
def test_a_run_in_such_a_folder_is_run_and_used(tmp_path: Path) -> None:
    folder = tmp_path / BAD
    (folder / "images").mkdir(parents=True)
    for number in range(32):
        save_png(folder / "images" / f"{number}.png", np.full((8, 8, 1), number, np.uint8))
    (folder / "my_loss.py").write_text(PLUGIN)
    loss = "plugins: [my_loss.py]\nloss: my_loss/lift\n"
    (folder / "my.yaml").write_text(f"extends: {QUICKSTART}\ndata: {{use: folder, path: images}}\n{loss}")
    growth = "growth={use: fixed, resolution: 4, images: 32}"
    short = ["--set", growth, "--set", "evaluation.metrics=[distinct]"]
    for command in (
        ["run", "my.yaml", *SMALL, *short, "--out", "run"],
        ["resume", "run"],
        ["sample", "run", "-n", "1", "-o", "grid.png"],
        ["evaluate", "run"],
        ["compare", "run"],
        ["report", "run", "-o", "page.html"],
        ["expand", "run/experiment.yaml"],
    ):
        done = gankit_here(command, folder)
        assert done.returncode == 0, done.stderr
