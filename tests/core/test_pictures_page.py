"""The commands of docs/pictures.md, one after the other as a reader types them, on a run of a moment."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from gankit.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "pictures.md").read_text()
COMMANDS = [line.split("  #")[0].strip() for line in re.findall(r"^    (gankit .*)$", PAGE, re.MULTILINE)]
RUN = "runs/fashion-stylegan"
QUICK = {"project": ["--steps", "3"]}
"""What a command is given to be over soon."""


@pytest.mark.costly
def test_its_commands_do_what_they_say(grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path(RUN).symlink_to(grown)
    trained, *others = COMMANDS
    assert (DOCS.parent / shlex.split(trained)[2]).is_file()
    for command in others:
        _, name, *words = shlex.split(command)
        assert words[0] == RUN, command
        if name == "film" and words[-1].endswith(".mp4"):
            pytest.importorskip("av")
        assert main([name, *words, *QUICK.get(name, [])]) == 0, command
        assert Path(words[words.index("-o") + 1]).exists(), command
    assert {command.split()[1] for command in others} == {
        "sample",
        "interpolate",
        "mix",
        "film",
        "project",
        "directions",
    }


def test_its_python_does_what_it_says(grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path(RUN).symlink_to(grown)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    told: dict[str, object] = {}
    exec(code, told)
    assert Path("way.gif").is_file()
    assert tuple(getattr(told["table"], "shape", ())) == (2, 3, 16, 16, 1)


@pytest.mark.parametrize("image", re.findall(r"\]\((images/pictures-[^)]+)\)", PAGE))
def test_its_pictures_say_what_made_them(image: str) -> None:
    with Image.open(DOCS / image) as picture:
        told = picture.info.get("Command") or picture.info["comment"].decode()
    assert "runs/fashion-stylegan" in told


def test_its_pictures_are_small() -> None:
    assert sum(file.stat().st_size for file in (DOCS / "images").glob("pictures-*")) < 300_000
