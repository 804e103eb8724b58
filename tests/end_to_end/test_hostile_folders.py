"""A folder or an archive of all that may lie among images is prepared: what can be read is, the rest is named."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from support.command import TWO_UPDATES, gankit, gankit_here
from support.fuzzed_images import fuzzed
from support.hostile_folder import READ, lay_out, pack, passes
from support.hostile_images import encoded, halves

from gankit.core.text import printable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "e.yaml").write_text(TWO_UPDATES + "data: {use: folder, path: images}\n")
    return tmp_path


def is_told_of(done: subprocess.CompletedProcess[str], place: Path, expected: dict[str, str]) -> None:
    """Assert that all is read but what is named, each in one line with why."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    broken = {name: reason for name, reason in expected.items() if reason != READ}
    said = [line.removeprefix("skipped: ") for line in done.stdout.splitlines() if line.startswith("skipped: ")]
    assert len(said) == len(broken), said
    for name, reason in broken.items():
        prefix = printable(f"{place / name}: cannot read this image: ")
        assert any(line.startswith(prefix) and reason in line for line in said), (name, said)
    assert f"\n{len(expected) - len(broken)} images of 8x8 pixels" in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if "skipped" in line]
    assert f"skipped {len(broken)} of {len(expected)} images, which cannot be read: " in line


@pytest.mark.parametrize("what", ["images", "images.zip"])
def test_what_can_be_read_is_and_the_rest_is_named(here: Path, what: str) -> None:
    if what == "images":
        (here / what).mkdir()
        expected = lay_out(here / what)
    else:
        expected = pack(here / what)
    settings = ["--set", f"data.path={what}"]
    stopped = gankit_here(["data", "e.yaml", *settings], here)
    assert (stopped.returncode, stopped.stdout) == (2, "")
    (line,) = stopped.stderr.splitlines()
    assert f"{what}/" in line
    assert "cannot read this image: " in line
    skipping = ["data", "e.yaml", *settings, "--set", "data.broken=skip"]
    is_told_of(gankit_here(skipping, here), here / what, expected)
    is_told_of(gankit_here(skipping, here), here / what, expected)  # out of the cache


def test_entries_that_unpack_to_no_end_take_turns(here: Path) -> None:
    with zipfile.ZipFile(here / "images.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("good.png", encoded(halves(), "PNG"))
        for number in range(8):
            archive.writestr(f"{number}.bmp", bytes(3 * 10**6))
    from gankit.data import trees
    from gankit_images.folder import Folder

    most, now = [0], [0]
    read = trees.ZipTree.read

    def watched(tree: trees.ZipTree, name: str) -> bytes:
        now[0] += tree.state(Path(name))[0]
        most[0] = max(most[0], now[0])
        try:
            return read(tree, name)
        finally:
            now[0] -= tree.state(Path(name))[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trees, "LARGEST", 5 * 10**6)
        patched.setattr(trees.ZipTree, "read", watched)
        assert len(Folder(path=here / "images.zip", broken="skip").load(8).images) == 1
    assert 3 * 10**6 <= most[0] <= 5 * 10**6


def test_what_lies_in_and_behind_a_jpeg_is_not_counted_as_drawn(here: Path) -> None:
    from gankit_images.folder import Folder

    (here / "images").mkdir()
    scans = passes(8, 8, 10**4)
    picture = encoded(halves(size=(2000, 2000)), "JPEG", exif=b"Exif\0\0" + scans[:60_000])
    (here / "images" / "a.jpg").write_bytes(picture + scans)
    assert len(Folder(path=here / "images", max_megapixels=4).load(8).images) == 1


def fill(folder: Path, count: int, first: int = 0) -> None:
    folder.mkdir()
    for name, content in fuzzed(count, first):
        (folder / name).write_bytes(content)


def test_damaged_images_are_read_or_named(here: Path) -> None:
    fill(here / "images", 150)
    done = gankit_here(["data", "e.yaml", "--set", "data.broken=skip"], here)
    assert done.returncode == 0, done.stderr
    counts_agree(done.stdout, 150)


def counts_agree(said: str, count: int) -> None:
    """Assert that of so many images each is read or named, and that there are both."""
    named = {line.partition(": cannot")[0] for line in said.splitlines() if line.startswith("skipped: ")}
    read = int(next(line for line in said.splitlines() if " images of 8x8 pixels" in line).split()[0].replace(",", ""))
    assert read + len(named) == count
    assert min(read, len(named)) > count // 10


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_thousands_of_damaged_images_are_read_or_named(here: Path, packed: bool) -> None:
    fill(here / "images", 2000, first=10_000 if packed else 0)
    if packed:
        with zipfile.ZipFile(here / "images.zip", "w") as archive:
            for file in sorted((here / "images").iterdir()):
                archive.write(file, file.name)
    began = time.monotonic()
    path = ["--set", f"data.path=images{'.zip' if packed else ''}"]
    done = gankit(["data", "e.yaml", "--set", "data.broken=skip", *path], here)
    assert time.monotonic() - began < 100
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4 * 2**20, "kB of any child so far"
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    counts_agree(done.stdout, 2000)


@pytest.mark.slow
def test_no_damaged_image_takes_long(tmp_path: Path) -> None:
    program = "\n".join(
        [
            "import time",
            "from support.fuzzed_images import fuzzed",
            "from gankit import UserError",
            "from gankit.data.trees import PackedFile",
            "from gankit_images.pictures import read",
            "for name, content in fuzzed(6000, 100_000):",
            "    began = time.process_time()",
            "    try:",
            "        read(PackedFile(name, content), (8, 8), 3)",
            "    except UserError as said:",
            "        assert str(said).isprintable(), name",
            "    assert time.process_time() - began < 10, name",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def mutated_archive(content: bytes, draw: random.Random) -> bytes:
    """An archive with some bytes of its directory, or anywhere, changed or cut off."""
    changed = bytearray(content)
    start = content.index(b"PK\1\2") if draw.random() < 0.7 else 0
    for _ in range(draw.choice((1, 3, 10))):
        changed[draw.randrange(start, len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.randrange(len(changed))] if draw.random() < 0.1 else changed)


def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gankit import UserError
    from gankit_images.folder import Folder

    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    file, ways = tmp_path / "images.zip", set[bool]()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in list(fuzzed(4)):
            archive.writestr(f"a/{name}", content)
    whole = file.read_bytes()
    for seed in range(40):
        file.write_bytes(mutated_archive(whole, random.Random(seed)))
        try:
            Folder(path=file, broken="skip", labels=seed % 2 == 0).load(4)
            said = ""
        except UserError as refusal:
            said = str(refusal)
        assert said.isprintable(), seed
        ways.add(said == "")
    assert ways == {True, False}
