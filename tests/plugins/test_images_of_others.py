"""Image files that anybody may have made: only promised formats, nothing waits, metadata spoils no pixel."""

from __future__ import annotations

import os
import socket
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, PngImagePlugin, features
from support.tiny import tiny

from gankit import UserError
from gankit.core import memory
from gankit.data.image_reading import PixelBound, image_sizes, open_image
from gankit.data.images import RealImages
from gankit.data.trees import image_tree
from gankit.results.page.pictures import saved_grid
from gankit_images.datasets import Digits, StackedDigits
from gankit_images.folder import Folder

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def corners(path: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours of the upper left and the lower right pixel of the only image in a folder."""
    (image,) = Folder(path=path).load(8).images
    return tuple(image[:, 0, 0].tolist()), tuple(image[:, -1, -1].tolist())


def two_coloured() -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (8, 8), RED)
    image.paste(BLUE, (4, 0, 8, 8))
    return image


# --- what is opened ---------------------------------------------------------------------------------------------------


def test_postscript_is_never_run_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise AssertionError("PostScript was handed to Ghostscript")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    Image.new("RGB", (600, 600), RED).save(tmp_path / "a.eps")
    for name in ("a.png", "a.jpg"):
        (tmp_path / "a.eps").replace(tmp_path / name)
        with pytest.raises(
            UserError, match=r"a\.(png|jpg): cannot read this image: its content is none of PNG, JPEG, "
        ):
            Folder(path=tmp_path).load(8)
        with pytest.raises(UserError, match="its content is none of PNG, JPEG, "):
            image_sizes(image_tree(tmp_path), PixelBound())
        assert saved_grid("", tmp_path / name, "") is None
        (tmp_path / name).replace(tmp_path / "a.eps")


def test_a_promised_format_may_have_the_ending_of_another(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png", format="BMP")
    assert corners(tmp_path) == (RED, RED)


def test_all_usual_endings_of_promised_formats_are_read(tmp_path: Path) -> None:
    formats = {".jfif": "JPEG", ".jpe": "JPEG", ".pbm": "PPM", ".apng": "PNG", ".TGA": "TGA"}
    formats |= {".avif": "AVIF"} if features.check("avif") else {}
    formats |= {".jp2": "JPEG2000"} if features.check("jpg_2000") else {}
    for suffix, name in formats.items():
        Image.new("1" if suffix == ".pbm" else "RGB", (8, 8), "white").save(tmp_path / f"a{suffix}", format=name)
    images = Folder(path=tmp_path).load(8).images
    assert len(images) == len(formats)
    assert images.min() > 250


# --- what is no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["pipe", "socket", "device"])
def test_nothing_but_regular_files_is_read(tmp_path: Path, what: str) -> None:
    path, images = tmp_path / "images" / "b.png", tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (8, 8), RED).save(images / "a.png")
    if what == "pipe":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    raised: list[str] = []

    def read() -> None:
        for refuse in (lambda: Folder(path=images).load(8), lambda: image_sizes(image_tree(images), PixelBound())):
            with pytest.raises(UserError) as caught:
                refuse()
            raised.append(str(caught.value))

    reader = threading.Thread(target=read, daemon=True)  # which may wait for ever
    reader.start()
    reader.join(10)
    assert raised == [f"{path}: cannot read this image: it is a {what}, not a file"] * 2
    assert len(Folder(path=images, broken="skip").load(8).images) == 1


def test_a_link_upwards_brings_in_nothing(tmp_path: Path) -> None:
    (folder := tmp_path / "in" / "images").mkdir(parents=True)
    two_coloured().save(tmp_path / "of-others.png")
    two_coloured().save(folder / "a.png")
    for name, place in (("above", ".."), ("all", "/"), ("itself", ".")):
        (folder / name).symlink_to(place)
    assert Folder(path=folder).describe() == "1 image; passed over: 3 linked again"


# --- metadata ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_junk_for_exif_leaves_the_pixels_as_they_are(tmp_path: Path, suffix: str) -> None:
    two_coloured().resize((64, 64)).save(
        tmp_path / f"a{suffix}", exif=b"Exif\x00\x00" * (suffix == ".jpg") + b"no TIFF at all", lossless=True
    )
    left, right = corners(tmp_path)
    assert np.abs(np.subtract(left, RED)).max() < 8
    assert np.abs(np.subtract(right, BLUE)).max() < 8


def test_long_text_in_a_png_is_not_looked_at_and_its_turn_is_kept(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("raw", "0" * (PngImagePlugin.MAX_TEXT_CHUNK + 1), zip=True)
    exif = Image.Exif()
    exif[0x0112] = 2  # mirrored
    two_coloured().save(tmp_path / "a.png", pnginfo=text, exif=exif)
    assert corners(tmp_path) == (BLUE, RED)
    assert image_sizes(image_tree(tmp_path), PixelBound()) == {(8, 8): 1}


def test_damaged_text_in_a_png_spoils_no_pixel(tmp_path: Path) -> None:
    long = zlib.compress(b"0" * (PngImagePlugin.MAX_TEXT_CHUNK + 1))
    for number, (content, spoilt, behind) in enumerate(
        [(b"a\0text", True, False), (b"a\0\0" + long, False, True), (b"a\0\0" + long, True, True)]
    ):
        name = b"zTXt" if behind else b"tEXt"
        chunk = struct.pack(">I", len(content)) + name + content
        chunk += struct.pack(">I", zlib.crc32(name + content) ^ spoilt)
        path = tmp_path / str(number) / "a.png"
        path.parent.mkdir()
        two_coloured().save(path)
        png = path.read_bytes()
        place = png.index(b"IEND") - 4 if behind else png.index(b"IDAT") - 4
        path.write_bytes(png[:place] + chunk + png[place:])
        assert corners(path.parent) == (RED, BLUE)


def test_what_pillow_warns_of_is_not_said_as_it_names_no_file(tmp_path: Path) -> None:
    two_coloured().save(tmp_path / "a.tif", compression="raw")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[:60])
    (tmp_path / "c.png").write_bytes(b"")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(Folder(path=tmp_path, broken="skip").load(8).images) == 1
        with pytest.raises(UserError, match=r"b\.tif: cannot read"):
            image_sizes(image_tree(tmp_path), PixelBound())
        warnings.warn("of others", stacklevel=1)
    assert [str(warning.message) for warning in said] == ["of others"]


def test_a_name_that_is_several_lines_is_said_on_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a\nb").mkdir()
    for name in ("c\nd.png", "a\nb/e.png"):
        (tmp_path / name).write_text("no image")
    two_coloured().save(tmp_path / "f.png")
    for read in (lambda: Folder(path=tmp_path).load(8), lambda: image_sizes(image_tree(tmp_path), PixelBound())):
        with pytest.raises(UserError, match=r"/a\ufffdb/e\.png: cannot read this image: its content is none of .*TGA$"):
            read()
    Folder(path=tmp_path, broken="skip").load(8)
    assert "which cannot be read: a\ufffdb/e.png, c\ufffdd.png\n" in capsys.readouterr().err
    (tmp_path / "c\nd.png").unlink()
    (tmp_path / "f.png").unlink()
    assert Folder(path=tmp_path, labels=True).describe() == "1 image in 1 class: a\ufffdb 1"


def test_a_report_takes_no_more_of_a_picture_than_its_pixels(tmp_path: Path) -> None:
    two_coloured().save(tmp_path / "a.png", icc_profile=os.urandom(100_000))
    with (tmp_path / "a.png").open("ab") as file:
        file.write(os.urandom(100_000))
    figure = saved_grid("", tmp_path / "a.png", "")
    assert figure is not None
    assert len(figure.source) < 1000


# --- size -------------------------------------------------------------------------------------------------------------


def test_larger_images_are_refused_by_an_option_that_allows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_coloured().resize((1000, 1002)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png.* it has 1000x1002 pixels, 1\.0 million, .*max_megapixels: 1 allows"):
        Folder(path=tmp_path, max_megapixels=1).load(8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)  # Pillow itself would raise at a fifth of it
    assert len(Folder(path=tmp_path, max_megapixels=1.1).load(8).images) == 1
    assert Image.MAX_IMAGE_PIXELS == 100_000, "Pillow's own bound is in force again"


def test_no_more_than_the_bound_is_decoded_at_a_time(tmp_path: Path) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    bound, decoded = PixelBound(2 * 600e-6), threading.Event()

    def read() -> None:
        with open_image(tmp_path / "a.png", bound):
            decoded.set()

    third = threading.Thread(target=read)
    with open_image(tmp_path / "a.png", bound):
        with open_image(tmp_path / "a.png", bound):
            third.start()
            assert not decoded.wait(0.1)
        assert decoded.wait(10), "there is room again"
    third.join(10)


def test_more_images_than_a_disk_holds_are_told_of_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_coloured().save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()  # which would not be read
    monkeypatch.setattr(memory, "disk_room", lambda _: 2 * 3 * 64 - 1)
    monkeypatch.setattr(memory, "memory_size", lambda: 479)
    folder, grey = Folder(path=tmp_path), Folder(path=tmp_path, channels=1)
    assert "2 images of 8x8 pixels take 384 bytes on the disk of " in (folder.missing(tiny(data=folder)) or "")
    assert grey.missing(tiny(data=grey)) is None
    with pytest.raises(UserError, match=r"2 images of 64x64 pixels take 24\.6 kB on the disk of .*, but there are 383"):
        folder.load(64)
    assert "take 480 bytes" not in (StackedDigits(images=1).missing(tiny()) or "")
    assert "10,000 images of 8x8 pixels take 2.4 MB" in (StackedDigits(images=10_000).missing(tiny()) or "")


def test_a_data_set_for_which_there_is_no_memory_ends_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise MemoryError("Unable to allocate 18.2 TiB")

    monkeypatch.setattr(Digits, "load", load)
    with pytest.raises(UserError, match=r"data: Digits at 8 pixels of height .* memory: Unable to allocate 18\.2 TiB"):
        RealImages(Digits(), [8])
