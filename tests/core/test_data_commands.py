"""`gankit prepare`, `data` and `cache`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES, gankit_here

from gankit.core.cache import lock_of
from gankit.core.errors import UserError
from gankit.data.images import RealImages
from gankit_images.folder import Folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment on 24 pictures in two classes, of which one is there twice."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    pixels[23] = pixels[22]
    for number, image in enumerate(pixels):
        file = tmp_path / "pictures" / ("ants" if number < 12 else "bees") / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    (tmp_path / "e.yaml").write_text(TWO_UPDATES + "data: {use: folder, path: pictures, channels: 1}\n")
    return tmp_path


def test_prepared_images_are_listed_found_again_and_cleared(here: Path) -> None:
    assert gankit_here(["cache"], here).stdout == f"nothing is kept in {here / 'cache'}\n"
    done = gankit_here(["prepare", "e.yaml"], here)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Folder: 24 images, fingerprint ")
    assert gankit_here(["prepare", "e.yaml"], here).stdout == done.stdout
    listed = " ".join(gankit_here(["cache"], here).stdout.split())
    assert "24 images 8x8 in 1 channels" in listed
    assert "1.5 kB" in listed or "2." in listed  # pixels, and what was made of them
    assert gankit_here(["cache", "--clear"], here).stdout.startswith("removed 1 things")
    assert "nothing is kept" in gankit_here(["cache"], here).stdout


def test_a_data_set_is_told_of_and_shown(here: Path) -> None:
    told = gankit_here(["data", "e.yaml", "-o", "sheet.png"], here)
    assert told.returncode == 0, told.stderr
    assert "data: 24 images" in told.stdout
    assert "24 images of 8x8 pixels in 1 channel\n" in told.stdout
    assert "1 image is a copy of another, pixel for pixel" in told.stdout
    assert "levels, mean and standard deviation of each channel: 1" in told.stdout
    with Image.open(here / "sheet.png") as sheet:
        assert sheet.width > 8 * 10
        assert sheet.info["Description"] == "of 24 real images"
    labelled = ["--set", "data.labels=true", "--set", "generator.mapping=normalized"]
    classes = gankit_here(
        ["data", "e.yaml", *labelled, "--set", "discriminator.head={use: pggan, labels: select}"], here
    )
    assert "2 classes: ants 12, bees 12" in classes.stdout, classes.stderr


def test_a_data_set_is_told_of_where_the_weights_to_measure_by_are_not(here: Path) -> None:
    without = ["--set", "evaluation={metrics: fid, extractor: {use: classifier, weights: gone.safetensors}}"]
    assert "gone.safetensors" in gankit_here(["run", "e.yaml", *without], here).stderr
    assert "data: 24 images" in gankit_here(["data", "e.yaml", *without], here).stdout
    lost = gankit_here(["data", "e.yaml", *without, "--set", "data.path=lost"], here)
    assert lost.returncode == 2
    assert "data: there is no folder" in lost.stderr


def test_a_class_of_few_images_is_in_the_sheet(here: Path) -> None:
    for number in range(3, 12):
        (here / "pictures" / "ants" / f"{number:02}.png").unlink()
    settings = ("data.labels=true", "generator.mapping=normalized", "discriminator.head={use: pggan, labels: select}")
    labelled = [word for setting in settings for word in ("--set", setting)]
    shown = gankit_here(["data", "e.yaml", "-o", "sheet.png", *labelled], here)
    assert shown.returncode == 0, shown.stderr
    with Image.open(here / "sheet.png") as sheet:
        below = np.asarray(sheet)[66:]
        assert sheet.width > 10 * 64  # as many of the other class as ever
        assert below[:, -64:].std() > below[:, :5].std()
        assert (np.asarray(sheet)[:64, -64:] == 128).all()  # grey, where there is none


def test_all_data_sets_of_a_study_are_told_of_and_shown(here: Path) -> None:
    sets = "[{use: folder, path: pictures, channels: 1}, {use: folder, path: pictures/ants, channels: 1}]"
    (here / "study.yaml").write_text(f"extends: e.yaml\nname: two\nmatrix: {{data: {sets}}}\n")
    shown = gankit_here(["data", "study.yaml", "-o", "sheet.png"], here)
    assert shown.returncode == 0, shown.stderr
    first, second = (line for line in shown.stdout.splitlines() if line.startswith("data="))
    assert f"{first}\ndata: 24 images" in shown.stdout
    assert f"{second}\ndata: 12 images" in shown.stdout
    for name, count in (("sheet.png", 24), ("sheet-2.png", 12)):
        assert f"wrote {name}\n" in shown.stderr
        with Image.open(here / name) as sheet:
            assert sheet.info["Description"] == f"of {count} real images"


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ("nowhere/sheet.png", "-o: cannot write nowhere/sheet.png: No such file or directory"),
        ("pictures.png", "-o: cannot write pictures.png: Is a directory"),
        ("sheet.jpg", "-o: the sheet is a PNG, so its name ends in .png, not as in sheet.jpg"),
        ("sheet", "-o: the sheet is a PNG, so its name ends in .png, not as in sheet"),
    ],
)
def test_a_sheet_that_cannot_be_written_is_a_mistake(here: Path, sheet: str, said: str) -> None:
    (here / "pictures.png").mkdir()
    refused = gankit_here(["data", "e.yaml", "-o", sheet], here)
    assert (refused.returncode, refused.stderr) == (2, f"{said}\n")


def test_a_cleared_cache_ends_no_run(here: Path) -> None:
    reals = RealImages(Folder(path=here / "pictures"), [4, 8])
    assert gankit_here(["cache", "--clear"], here).stdout.startswith("removed 1 things")
    assert reals.at(4).shape == (24, 3, 4, 4)
    assert len(reals.fingerprint) == 32
    assert len(reals.order_by_hash(0)) == 24


def test_what_a_process_is_filling_is_not_cleared(here: Path) -> None:
    assert gankit_here(["prepare", "e.yaml"], here).returncode == 0
    (folder,) = (here / "cache" / "images").glob("*/")
    with lock_of(folder):
        assert gankit_here(["cache", "--clear"], here).stdout.startswith("removed 0 things")
    assert folder.is_dir()


def test_an_archive_is_measured_as_the_folder_is(here: Path) -> None:
    archive = shutil.make_archive(str(here / "packed"), "zip", here / "pictures")
    asked = ["--metrics", "[swd]", "--images", "12", "--resolution", "8", "--json"]
    data = ["--data", "{use: folder, path: pictures, channels: 1}"]
    tables = [gankit_here(["evaluate", place, *data, *asked], here) for place in ("pictures", archive)]
    assert [table.returncode for table in tables] == [0, 0], tables[1].stderr
    folder, packed = ([row["value"] for row in json.loads(table.stdout)["measurements"][0]["rows"]] for table in tables)
    assert folder == packed


@pytest.mark.parametrize("command", ["prepare", "data"])
def test_what_cannot_be_read_is_said_in_a_line(here: Path, command: str) -> None:
    (here / "pictures" / "ants" / "00.png").write_bytes(b"junk")
    refused = gankit_here([command, "e.yaml"], here)
    assert refused.returncode == 2
    assert "00.png: cannot read this image" in refused.stderr
    skipped = gankit_here([command, "e.yaml", "--set", "data.broken=skip"], here)
    assert skipped.returncode == 0, skipped.stderr
    assert "skipped 1 of 24 images, which cannot be read: ants/00.png" in skipped.stderr
    assert "23 images" in skipped.stdout


def test_what_a_data_set_cannot_tell_is_said_where_it_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> str:
        raise failure

    monkeypatch.setattr(Folder, "missing", failing)
    for failure in (UserError("nobody knows"), RuntimeError("it is broken")):
        validated = gankit_here(["validate", "e.yaml"], here)
        assert validated.returncode == 0
        assert "e.yaml:7:7: data: " in validated.stdout
        assert str(failure) in validated.stdout
        run = gankit_here(["run", "e.yaml"], here)
        assert run.returncode == 2
        assert run.stderr.startswith("e.yaml:7:7: data: ")
        assert "Traceback" not in run.stderr
    (here / "junk.npy").write_text("junk")
    replaced = gankit_here(["validate", "e.yaml", "--set", "data={use: arrays, path: junk.npy}"], here)
    assert replaced.returncode == 2
    assert replaced.stderr.startswith("--set data={use: arrays, path: junk.npy}: data: ")
    assert replaced.stderr.endswith("junk.npy is no array: it does not begin as a .npy does\n")


def test_what_cannot_be_removed_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gankit_here(["prepare", "e.yaml"], here).returncode == 0

    def refuse(path: Path, *_: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        done = gankit_here(["cache", "--clear"], here)
    assert done.returncode == 1
    assert done.stdout.startswith("removed 0 things")
    assert done.stderr.endswith(": Read-only file system\n")
    monkeypatch.setenv("GANKIT_CACHE", "~nobody-is-called-so/cache")
    for words in (["cache"], ["cache", "--clear"]):
        lost = gankit_here(words, here)
        assert (lost.returncode, lost.stdout) == (2, "")
        assert lost.stderr.startswith("there is no cache: ")


def test_a_class_that_is_a_link_to_itself_is_none(here: Path) -> None:
    (here / "pictures" / "loop").symlink_to("loop")
    assert Folder(path=here / "pictures", labels=True).class_names() == ["ants", "bees"]
