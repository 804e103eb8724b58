"""Whatever passes for an image, in data sets, in what is measured and in runs, is read, or named and refused."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.command import QUICKSTART
from support.hostile import Outcome, bounded_memory, carried_out, check
from support.hostile_files import SHORT
from support.hostile_images import (
    BLUE,
    NAMES,
    NO_FILES,
    RED,
    UNREAD,
    bombs,
    coloured,
    flipped,
    grey,
    halves,
    others,
    truncated,
)
from support.recorded import measured, recorded

from gankit.core.errors import UserError
from gankit_images.folder import Folder

MOST_SECONDS = 10.0
"""Of processor time for one command, start-up left out."""
ROOM = 4 * 2**30
"""Bytes that a command may take beyond what the process has."""
GROUPS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    made.__name__: made for made in (truncated, flipped, bombs, others, coloured, grey)
}
READ = {"coloured": UNREAD, "grey": ("float.tif", "nan.tif", "wide.avif", "high.avif")}
"""Groups of which all is read but these, of which the first need the option `range`, and dav1d declines the last."""


@pytest.fixture(autouse=True)
def _bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A fresh current folder, bounded memory, and libraries that print nothing of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with bounded_memory(ROOM), warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        yield
    assert capfd.readouterr().err == ""


def commands(folder: Path) -> Iterator[list[str]]:
    """Every command that reads the images of a folder, with as little to do as there is."""
    data = ["--set", f"data={{use: folder, path: {folder}}}"]
    settings = [word for setting in (*SHORT, "evaluation.metrics=[]", "observers=[]") for word in ("--set", setting)]
    yield ["validate", str(QUICKSTART), *data]
    yield ["run", str(QUICKSTART), *settings, *data, "--out", str(folder.parent / "run")]
    yield ["evaluate", str(folder), "--data", str(folder), "--extractor", "digits", "--resolution", "8"]


def check_all(folder: Path, name: str) -> list[Outcome]:
    """Hold every command to what it promises for the one image of a folder besides two good ones."""
    for colour in ("green", "yellow"):
        Image.new("RGB", (8, 8), colour).save(folder / f"{colour}.png")
    found = [carried_out(command) for command in commands(folder)]
    for outcome in found:
        check(outcome, MOST_SECONDS)
        assert outcome.code == 0 or name in outcome.errors, outcome
    return found


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_any_content_is_read_or_refused_by_name(group: str, tmp_path: Path) -> None:
    files, codes = dict(GROUPS[group]()), Counter[int]()
    for number, (name, content) in enumerate(files.items()):
        folder = tmp_path / str(number) / "images"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        outcomes = check_all(folder, name)
        if group in READ:
            assert all(outcome.code == 0 for outcome in outcomes) or name in READ[group], (name, outcomes)
        codes.update(outcome.code for outcome in outcomes)
    print(f"{group}: {len(files)} files, {codes.total()} commands, by exit code: {dict(codes)}")


@pytest.mark.parametrize(("name", "content"), list(coloured()))
def test_whatever_is_valid_has_its_colours(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    if name in UNREAD:
        with pytest.raises(UserError, match=name):
            Folder(path=tmp_path).load(8)
        return
    (image,) = Folder(path=tmp_path).load(8).images
    assert abs(image[:, 4, 0].astype(int) - RED).max() < 30
    assert abs(image[:, 4, -1].astype(int) - BLUE).max() < 30


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "images"
    folder.mkdir(parents=True)
    NO_FILES[name](folder / name)
    check_all(folder, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_and_said_on_one_line(name: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "images"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(name)).write_bytes(b"no image")
    for outcome in check_all(folder, "images"):
        *before, said = outcome.errors.splitlines() or [""]
        assert outcome.code == 0 or (said.endswith("TGA") and len(before) < 2), outcome  # what there is stands before
    halves().save(folder / os.fsdecode(name), format="PNG")
    (tmp_path / "in" / "again").mkdir()
    folder = folder.rename(tmp_path / "in" / "again" / "images")
    assert [outcome.code for outcome in check_all(folder, "")] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_any_picture_of_a_run_is_shown_or_left_out_of_its_report(group: str, tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0), [(4, 1000)])
    (run / "samples").mkdir()
    for name, content in GROUPS[group]():
        (run / "samples" / "000001000-4x4.png").write_bytes(content)
        outcome = carried_out(["report", str(run), "-o", "page.html"])
        check(outcome, MOST_SECONDS, codes=(0, 1))
        assert Path("page.html").stat().st_size < 3_000_000, name
