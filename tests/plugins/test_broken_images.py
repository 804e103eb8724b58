"""Pictures that cannot be read: each names its file, or is left out and told of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit import UserError
from gankit.data.images import RealImages
from gankit_images.folder import Folder

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def cut_short(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def bomb(path: Path) -> None:
    """A picture of a few bytes that says it has 10^10 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def damaged(path: Path) -> None:
    Image.new("RGB", (64, 64), RED).save(path)
    content = bytearray(path.read_bytes())
    content[-40:-20] = bytes(20)
    path.write_bytes(content)


BROKEN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "cut short": ("b.jpg", cut_short),
    "cut short, of another kind": ("b.png", cut_short),
    "damaged within": ("b.png", damaged),
    "empty": ("b.png", Path.touch),
    "text": ("b.png", lambda path: path.write_text("no image at all")),
    "zeros after the first bytes": ("b.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))),
    "far too large when unpacked": ("b.png", bomb),
    "a link to nothing": ("b.png", lambda path: path.symlink_to("nowhere.png")),
    "a link to itself": ("b.png", lambda path: path.symlink_to(path.name)),
    "pixels of 32 bits": (
        "b.tif",
        lambda path: Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(path),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_image_stops_with_its_name_or_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    name, make = BROKEN[what]
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png")
    make(tmp_path / name)
    Image.new("RGB", (8, 8), GREEN).save(tmp_path / "c.png")
    with pytest.raises(UserError) as caught:
        Folder(path=tmp_path).load(8)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name}: cannot read this image: ")
    assert said.count(name) == 1 or "identify" in said, "a system error's own path is left out"
    assert "\n" not in said
    assert capsys.readouterr().err == ""

    images = Folder(path=tmp_path, broken="skip").load(8).images
    assert [tuple(image[:, 4, 4]) for image in images] == [RED, GREEN]
    assert capsys.readouterr().err == (f"gankit: {tmp_path}: skipped 1 of 3 images, which cannot be read: {name}\n")


def test_labels_stay_with_their_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ants", "bees", "cats"):
        (tmp_path / name).mkdir()
    for name in ("ants/1.png", "bees/2.png", "bees/3.png", "bees/4.png", "cats/3.png"):
        (tmp_path / name).touch()
    Image.new("RGB", (8, 8), RED).save(tmp_path / "ants" / "2.png")
    Image.new("RGB", (8, 8), GREEN).save(tmp_path / "cats" / "1.png")
    Image.new("RGB", (8, 8), BLUE).save(tmp_path / "cats" / "4.png")
    folder = Folder(path=tmp_path, labels=True, broken="skip")
    reals = RealImages(folder, [4, 8])
    assert [tuple(image[:, 4, 4]) for image in reals.at(8)] == [RED, GREEN, BLUE]
    assert reals.labels is not None
    assert reals.labels.tolist() == [0, 2, 2], "a class of broken images stays a class"
    assert folder.class_count() == 3
    said = "skipped 5 of 8 images, which cannot be read: ants/1.png, bees/2.png, bees/3.png, ...\n"
    assert capsys.readouterr().err == f"gankit: {tmp_path}: {said}"


def test_images_of_which_none_can_be_read_are_an_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no image")
    folder = Folder(path=tmp_path, broken="skip")
    assert folder.missing(tiny()) is None
    with pytest.raises(UserError, match=r"^none of 2 images can be read; the first: .*a\.png: cannot read"):
        folder.load(8)


def test_nothing_is_said_where_nothing_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png")
    assert len(Folder(path=tmp_path, broken="skip").load(8).images) == 1
    assert capsys.readouterr().err == ""


def test_a_folder_called_like_an_image_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    Image.new("RGB", (8, 8), GREEN).save(tmp_path / "x.png" / "a.png")
    assert Folder(path=tmp_path).load(8).images.shape == (1, 3, 8, 8)
