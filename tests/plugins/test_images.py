"""Data sets: the digits, and folders of pictures in all the forms that pictures come in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from support.tiny import tiny

from gankit import UserError
from gankit.cli import main
from gankit.config import checks
from gankit.config.yaml.writer import dump_experiment
from gankit.data.images import RealImages
from gankit.data.trees import image_tree
from gankit_images.datasets import Digits
from gankit_images.folder import Folder
from gankit_images.pictures import in_bytes, read

RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Saves one-coloured pictures under the test's folder."""

    def save(name: str, color: Any = RED, size: tuple[int, int] = (8, 8), mode: str = "RGB", **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, color).save(path, **options)
        return path

    return save


def colours(folder: Path, **options: Any) -> list[tuple[int, ...]]:
    """The colour in the middle of each image that the data set loads."""
    images = Folder(path=folder, **options).load(8).images
    return [tuple(image[:, 4, 4].tolist()) for image in images]


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_scikit_learns() -> None:
    images, labels = Digits(labels=True).load(8)
    assert images.shape == (1797, 1, 8, 8)
    scans, digits = load_digits(return_X_y=True)
    np.testing.assert_array_equal(images.reshape(-1, 64), np.rint(scans * 255 / 16))
    np.testing.assert_array_equal(labels, digits)
    assert Digits().load(8).labels is None
    colours = Digits(labels=True, channels=3)
    assert (Digits().image_channels(), colours.image_channels()) == (1, 3)
    assert images.strides[1] == 0, "a copy would lie otherwise in memory, and train to other last bits"
    np.testing.assert_array_equal(colours.load(8).images, np.concatenate([images] * 3, axis=1))
    assert (Digits().class_count(), Digits(labels=True).class_count()) == (0, 10)


def test_digits_are_interpolated_bilinearly_and_reduced_by_means() -> None:
    import torch

    scans = torch.from_numpy(load_digits(return_X_y=True)[0] * 255 / 16).float().reshape(-1, 1, 8, 8)
    double = torch.nn.functional.interpolate(scans, scale_factor=2, mode="bilinear", align_corners=False)
    assert np.abs(Digits().load(16).images - double.numpy()).max() <= 0.5 + 1e-4
    halves = torch.nn.functional.avg_pool2d(scans, 2)
    assert np.abs(Digits().load(4).images - halves.numpy()).max() <= 0.5 + 1e-4


def test_digits_are_not_blown_up() -> None:
    large = tiny(growth={"use": "progressive", "final": 32, "images": 100})
    assert "up to 16x16, but the growth ends at 32x32" in next(iter(Digits().problems(large)))
    assert not list(Digits().problems(tiny()))


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_with_all_below_it_in_order_of_names(tmp_path: Path, draw: Draw) -> None:
    draw("b/2.PNG", GREEN)
    draw("b/1.jpeg", WHITE)
    draw("a.BMP", RED)
    draw("c.tif", BLUE)
    draw(".hidden.png")
    draw(".thumbnails/x.png")
    (tmp_path / "notes.txt").write_text("no image")
    assert colours(tmp_path) == [RED, WHITE, GREEN, BLUE]


def test_a_folder_may_be_grey(tmp_path: Path, draw: Draw) -> None:
    draw("a.png", RED)
    draw("b.png", 130, mode="L")
    draw("c.png", 1, mode="1")
    images = Folder(path=tmp_path, channels=1).load(4).images
    assert images.shape == (3, 1, 4, 4)
    assert images[:, 0, 0, 0].tolist() == [76, 130, 255]
    assert colours(tmp_path)[1:] == [(130,) * 3, WHITE]


def test_transparency_shows_black(tmp_path: Path, draw: Draw) -> None:
    draw("a.png", (255, 0, 0, 0), mode="RGBA")
    draw("b.png", (255, 0, 0, 51), mode="RGBA")
    draw("c.png", (200, 255), mode="LA")
    draw("d.png", RED, transparency=RED)
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*BLUE, *GREEN])
    palette.save(tmp_path / "e.png", transparency=1)
    palette.save(tmp_path / "f.png")
    assert colours(tmp_path) == [BLACK, (51, 0, 0), (200, 200, 200), BLACK, BLACK, GREEN]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535, 30000]] * 4, np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read(tmp_path / "a.png", (4, 4), 1)
    assert image[0, 0].tolist() == [0, 1, 255, 117]
    assert in_bytes(Image.fromarray(values.astype(np.int32)), "L").tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces_become_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (16, 16), GREEN).convert(mode).save(tmp_path / "a.jpg", quality=95)
    (colour,) = colours(tmp_path)
    assert np.abs(np.subtract(colour, GREEN)).max() < 8


def test_pictures_stand_as_their_exif_orientation_says(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), RED)
    picture.paste(BLUE, (4, 0, 8, 8))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    picture.save(tmp_path / "a.png", exif=exif)
    image = read(tmp_path / "a.png", (8, 8), 3)
    assert tuple(image[:, 0, 0]) == tuple(image[:, 0, 7]) == RED
    assert tuple(image[:, 7, 0]) == tuple(image[:, 7, 7]) == BLUE


def test_the_square_in_the_middle_is_shown(tmp_path: Path) -> None:
    wide = Image.new("RGB", (30, 10), RED)
    wide.paste(GREEN, (10, 0, 20, 10))
    wide.save(tmp_path / "a.png")
    wide.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png")
    images = Folder(path=tmp_path).load(8).images
    assert (images.transpose(0, 2, 3, 1) == GREEN).all()


def test_pictures_are_resized_with_lanczos(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = Image.fromarray(pixels).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(read(tmp_path / "a.png", (8, 8), 3).transpose(1, 2, 0), np.asarray(expected))


# --- opacity ----------------------------------------------------------------------------------------------------------


def test_opacity_may_be_kept(tmp_path: Path, draw: Draw) -> None:
    draw("a.png", (255, 0, 0, 51), mode="RGBA")
    draw("b.png", RED)
    draw("c.png", (200, 102), mode="LA")
    draw("d.png", 90, mode="L")
    draw("e.png", RED, transparency=RED)
    draw("f.jpg", (0, 0, 0, 0), mode="CMYK")
    Image.fromarray(np.full((8, 8), 257, np.uint16)).save(tmp_path / "g.png")
    dataset = Folder(path=tmp_path, channels=4)
    assert dataset.image_channels() == 4
    assert colours(tmp_path, channels=4) == [
        *((51, 0, 0, 51), (255, 0, 0, 255), (80, 80, 80, 102), (90, 90, 90, 255), (0, 0, 0, 0)),
        *((255, 255, 255, 255), (1, 1, 1, 255)),
    ]


@pytest.mark.parametrize("resolution", [6, 16, 32, 40])
def test_hidden_colours_do_not_bleed(tmp_path: Path, resolution: int) -> None:
    picture = Image.new("RGBA", (32, 32), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 16, 32))
    picture.save(tmp_path / "a.png")
    red, green, blue, opacity = read(tmp_path / "a.png", (resolution, resolution), 4)
    assert not green.any()
    assert not blue.any()
    assert (red == opacity).all()
    assert (opacity[:, 0] > 250).all(), "Lanczos' filter swings"
    assert (opacity[:, -1] < 5).all()


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_a_width_of_broken_pixels_is_refused(tmp_path: Path, draw: Draw) -> None:
    draw("a.png")

    def found(*shape: int) -> list[str]:
        folder = {"use": "folder", "path": str(tmp_path), "channels": 1, "shape": shape}
        return [message for _, message in checks.problems(tiny(data=folder))]

    assert not found(4, 8)
    assert not found(2, 3)
    assert not found(4, 1)
    assert any("whole pixels" in message for message in found(3, 4))
    assert any("whole pixels" in message for message in found(5, 1))


def test_folders_are_classes(tmp_path: Path, draw: Draw) -> None:
    draw("cats/1.png", RED)
    draw("cats/more/2.png", RED)
    draw("ants/1.png", GREEN)
    labelled = Folder(path=tmp_path, labels=True)
    assert labelled.class_count() == 2
    np.testing.assert_array_equal(RealImages(labelled, [4, 8]).labels, [0, 1, 1])
    assert Folder(path=tmp_path).class_count() == 0

    draw("loose.png")
    assert labelled.class_count() == 2, "what a run asks of its data agrees, though the folder changes meanwhile"
    labelled = Folder(path=tmp_path, labels=True)
    (message,) = labelled.problems(tiny())
    assert "loose.png lies in no folder" in message
    assert labelled.missing(tiny()) is None
    with pytest.raises(UserError, match=r"loose\.png lies in no folder"):
        labelled.class_count()
    assert not list(Folder(path=tmp_path).problems(tiny()))


def missing(dataset: Folder) -> str:
    """What the data set says is missing; nothing else is wrong with it, and loading it says the same."""
    message = dataset.missing(tiny())
    assert message is not None
    assert not list(dataset.problems(tiny()))
    with pytest.raises(UserError) as caught:
        dataset.load(8)
    assert str(caught.value) == message
    return message


@pytest.mark.parametrize("labels", [False, True])
def test_missing_and_empty_folders_are_found_before_anything_is_loaded(tmp_path: Path, labels: bool) -> None:
    nowhere = Folder(path=tmp_path / "nowhere", labels=labels)
    assert missing(nowhere) == f"there is no folder {tmp_path / 'nowhere'}"
    (tmp_path / "somewhere").mkdir()
    assert missing(nowhere) == f"there is no folder {tmp_path / 'nowhere'}; beside it lies somewhere"
    (tmp_path / "somewhere").rmdir()
    assert missing(Folder(path=tmp_path, labels=labels)).startswith(
        f"there are no images in {tmp_path}; looked for .apng, .avif, "
    )
    (tmp_path / "file").touch()
    assert "is a file, not a folder of images" in missing(Folder(path=tmp_path / "file", labels=labels))
    assert "there is no folder" in missing(Folder(path=Path(f"{tmp_path}/{'x' * 300}"), labels=labels))


def test_without_its_folder_nobody_knows_how_many_classes_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        Folder(path=tmp_path / "nowhere", labels=True).class_count()
    assert Folder(path=tmp_path / "nowhere").class_count() == 0


def test_links_are_followed_once(tmp_path: Path, draw: Draw) -> None:
    draw("elsewhere/1.png", GREEN)
    draw("images/own/2.png", RED)
    os.symlink(tmp_path / "elsewhere", tmp_path / "images" / "linked")
    os.symlink(tmp_path / "images", tmp_path / "images" / "own" / "loop")
    assert [str(file) for file in image_tree(tmp_path / "images").found.files] == ["linked/1.png", "own/2.png"]


def test_a_path_means_the_same_from_any_folder(tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    draw("images/a.png")
    monkeypatch.chdir(tmp_path)
    folder = Folder.model_validate({"path": "images"})
    monkeypatch.chdir("/")
    assert folder.path == tmp_path / "images"
    assert Folder.model_validate(folder.model_dump(mode="json")) == folder
    assert len(folder.load(8).images) == 1
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Folder.model_validate({"path": "~/images"}) == folder


# --- what is said of them ---------------------------------------------------------------------------------------------


def test_what_was_found_is_said_and_what_was_passed_over_counted_by_ending(tmp_path: Path, draw: Draw) -> None:
    for name in ("cats/1.png", "cats/more/2.png", "ants/1.png", ".hidden.png", ".thumbnails/x.png"):
        draw(name)
    for name in ("notes.TXT", "cats/a.txt", "cats/raw.cr2", "cats/README"):
        (tmp_path / name).write_text("no image")
    os.symlink(tmp_path / "ants", tmp_path / "cats" / "again")
    others = "passed over: 2 .txt, 2 hidden, 1 .cr2, 1 linked again, 1 without ending"
    assert Folder(path=tmp_path).describe() == f"3 images; {others}"
    assert Folder(path=tmp_path, labels=True).describe() == f"3 images in 2 classes: ants 1, cats 2; {others}"
    assert Folder(path=tmp_path / "ants").describe() == "1 image"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").touch()
    with pytest.raises(UserError, match=r"there are no images in .*; passed over: 1 \.txt$"):
        Folder(path=tmp_path / "raw").load(8)


def test_a_folder_that_cannot_be_listed_is_no_folder_without_images(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("cats/1.png")
    draw("ants/1.png")

    def scandir(path: str) -> object:
        if str(path).endswith("ants"):
            raise PermissionError(13, "Permission denied", path)
        return os_scandir(path)

    os_scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    said = f"{tmp_path / 'ants'}: this folder cannot be listed: Permission denied"
    assert missing(Folder(path=tmp_path)) == said
    assert missing(Folder(path=tmp_path, labels=True, broken="skip")) == said


def test_validate_and_run_say_what_was_found(
    tmp_path: Path, draw: Draw, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("images/a.png")
    (tmp_path / "images" / "a.txt").touch()
    experiment = tiny(data={"use": "folder", "path": str(tmp_path / "images"), "channels": 1})
    file = tmp_path / "experiment.yaml"
    file.write_text(dump_experiment(experiment))
    said = "data: 1 image; passed over: 1 .txt\n"
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"\n{said}")

    file.write_text(f"{dump_experiment(experiment)}matrix: {{seed: [1, 2], data.labels: [false]}}\n")
    assert main(["validate", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"variant, 192 images in all\n{said}"), "once"

    def begin(*_: object) -> None:
        raise UserError("enough")

    file.write_text(dump_experiment(experiment))
    monkeypatch.setattr("gankit.runs.start.begin", begin)
    assert main(["run", str(file), "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.endswith(f"4x4 to 8x8\ngankit: {said}enough\n")
