"""Where images are to be kept there is no room, or nothing can be written: a line says so, and nothing is lost."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES
from support.sandbox import Done, Sandbox, missing

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()), pytest.mark.slow]

FINAL = 24 * 3 * 64 * 64
"""Bytes of the images at the final resolution; those of the lower ones are a third of that."""
GROWN = TWO_UPDATES.replace("use: fixed, resolution: 8", "use: progressive, start: 8, final: 64, fade: 0.5")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("sandbox")
    draws = np.random.default_rng(0)
    (here / "pictures").mkdir()
    for number in range(24):
        pixels = draws.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(here / "pictures" / f"{number}.png")
    (here / "e.yaml").write_text(GROWN + f"observers: []\ndata: {{use: folder, path: {here / 'pictures'}}}\n")
    return here


@pytest.fixture(scope="module")
def box(here: Path) -> Iterator[Sandbox]:
    with Sandbox(here) as box:
        yield box


@pytest.fixture(scope="module")
def undisturbed(box: Sandbox, here: Path) -> tuple[str, dict[str, bytes]]:
    """What `gankit prepare` says, and the files that it leaves."""
    done = box.gankit("prepare", here / "e.yaml")
    assert (done.code, done.said) == (0, "")
    found = kept(box, here, "undisturbed")
    assert len(found) == 4 + 3, "of four resolutions, a manifest, a fingerprint and an order"
    return done.out, found


def kept(box: Sandbox, here: Path, name: str) -> dict[str, bytes]:
    """The files of the cache."""
    shutil.rmtree(here / "copies" / name, ignore_errors=True)
    (here / "copies").mkdir(exist_ok=True)
    copy = box.copied(here / "cache", here / "copies" / name)
    return {str(file.relative_to(copy)): file.read_bytes() for file in copy.rglob("*") if file.is_file()}


@pytest.fixture
def disk(box: Sandbox, here: Path, undisturbed: object) -> Iterator[Path]:
    """The folder of the cache, on which a small disk may be mounted."""
    yield here / "cache"
    box.shell("umount", here / "cache")


def is_in_a_line(done: Done) -> str:
    """How a command ended that had no room: "all", "alone", "full" or "small"."""
    assert "Traceback" not in done.said, done.said
    lines = [
        line for line in done.said.splitlines() if not re.match(r"gankit: (data: |\S+ begins|.* has ended)|  ", line)
    ]
    if done.code == 0:
        assert all("prepared for this process alone" in line for line in lines), lines
        return "alone" if lines else "all"
    (line,) = lines
    if done.code == 2:
        assert re.search(r"data: 24 images of 64x64 pixels take 294.9 kB on the disk of .*, but there are", line)
        return "small"
    assert done.code == 1
    assert re.match(r"gankit: cannot keep images in .*/cache/images/\w+: No space left on device; make room, or", line)
    return "full"


def test_with_whatever_room_it_goes_on_when_there_is_more(
    box: Sandbox, here: Path, disk: Path, undisturbed: tuple[str, dict[str, bytes]]
) -> None:
    ends = Counter[str]()
    for room in range(FINAL // 1024 - 8, FINAL // 1024 * 4 // 3 + 44, 24):
        box.mount(disk, f"{room}k")
        ends[is_in_a_line(box.gankit("prepare", here / "e.yaml"))] += 1
        box.mount(disk, "2m")
        done = box.gankit("prepare", here / "e.yaml")
        assert (done.code, done.out, done.said) == (0, undisturbed[0], ""), room
        assert kept(box, here, "full") == undisturbed[1], room
        box.shell("umount", disk)
    box.mount(disk, "2m")
    assert ends["small"] >= 1
    assert ends["full"] >= 3
    assert ends["all"] >= 1
    print(dict(ends))


def test_with_room_for_few_names_too(
    box: Sandbox, here: Path, disk: Path, undisturbed: tuple[str, dict[str, bytes]]
) -> None:
    ends = Counter[str]()
    for names in (1, 3, 4, 5, 6, 8, 9, 11, 15):
        box.mount(disk, f"2m,nr_inodes={names}")
        ends[is_in_a_line(box.gankit("prepare", here / "e.yaml"))] += 1
        box.shell("mount", "-o", "remount,nr_inodes=100", disk)
        done = box.gankit("prepare", here / "e.yaml")
        assert (done.code, done.out, done.said) == (0, undisturbed[0], ""), names
        assert kept(box, here, "names") == undisturbed[1], names
        box.shell("umount", disk)
    box.mount(disk, "2m")
    assert set(ends) == {"alone", "full", "all"}


def test_a_run_says_the_same(box: Sandbox, here: Path, disk: Path, undisturbed: tuple[str, dict[str, bytes]]) -> None:
    ends = Counter[str]()
    for room in (296, 340):
        box.mount(disk, f"{room}k")
        run = here / "runs" / str(room)
        ends[is_in_a_line(box.gankit("run", here / "e.yaml", "--out", run))] += 1
        box.mount(disk, "2m")
        done = box.gankit("run", here / "e.yaml", "--out", run, *(["--resume"] if run.exists() else []))
        assert done.code == 0, done.said
        box.gankit("prepare", here / "e.yaml")
        assert kept(box, here, "run") == undisturbed[1], room
        box.shell("umount", disk)
    box.mount(disk, "2m")
    assert ends["full"] == 2


def test_what_is_there_is_read_where_nothing_can_be_written(
    box: Sandbox, here: Path, disk: Path, undisturbed: tuple[str, dict[str, bytes]]
) -> None:
    box.protect(disk)
    done = box.gankit("prepare", here / "e.yaml")
    assert (done.code, done.out, done.said) == (0, undisturbed[0], "")
    lower = box.gankit("prepare", here / "e.yaml", "--set", "growth.start=4")
    assert (lower.code, lower.out) == (0, undisturbed[0])
    assert "Read-only file system" in lower.said
    assert is_in_a_line(lower) == "alone"
    cleared = box.gankit("cache", "--clear")
    assert cleared.code == 1
    assert cleared.out.startswith("removed 0 things")
    assert re.search(r"^gankit: cannot remove .*: Read-only file system$", cleared.said, re.MULTILINE)
    assert "Traceback" not in cleared.said
