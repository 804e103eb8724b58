"""A folder of all that may lie among images, with what has to become of each, and the same as a zip archive."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from support.hostile_images import FORMATS, _exif, encoded, halves, noise, png

READ = ""
"""What is said of an image that is read."""
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an image is turned before it is saved by an orientation that turns it back."""


def files() -> Iterator[tuple[bytes, bytes, str]]:
    """Names, contents, and of those that cannot be read a part of what is said of them."""
    yield b"cut.jpg", noise("JPEG")[:1200], "truncated"
    yield b"empty.png", b"", "its content is none of PNG, JPEG"
    yield b"text.png", b"no image at all", "its content is none of PNG, JPEG"
    yield b"bomb.png", png(65_500, 65_500, bytes(1000)), "more than max_megapixels: 180 allows"
    yield b"float.tif", encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"), "floating-point numbers"
    yield b"passes.jpg", passes(8000, 8000, 400), "draws 402 times over its 64.0 million pixels"
    yield b"written.ppm", b"P3 4000 2000 255\n" + b"1 " * 1000, "save it as binary PNM"
    yield b"cmyk.jpg", encoded(halves("CMYK"), "JPEG"), READ
    yield b"palette.png", encoded(halves("P"), "PNG", transparency=bytes(range(256))), READ
    yield b"one.png", encoded(halves(size=(1, 1)), "PNG"), READ
    yield b"long.png", encoded(halves(size=(20_000, 2)), "PNG"), READ
    for orientation, turn in TURNS.items():
        content = encoded(halves() if turn is None else halves().transpose(turn), "PNG", exif=_exif(orientation))
        yield f"turn{orientation}.png".encode(), content, READ
    for name in ("GIF", "PNG", "WEBP", "TIFF"):  # of which the first is taken
        frames = [Image.new("RGB", (32, 32), "green")] * 2
        yield f"frames.{FORMATS[name]}".encode(), encoded(halves(), name, save_all=True, append_images=frames), READ
    deep = np.tile(np.linspace(0, 65535, 32).astype(np.uint16), (32, 1))
    yield b"deep.png", encoded(Image.fromarray(deep), "PNG"), READ
    yield b"deep.tif", encoded(Image.frombytes("I;16B", (32, 32), deep.astype(">u2").tobytes()), "TIFF"), READ
    yield b"la.png", encoded(halves("LA"), "PNG"), READ
    yield b"pa.tif", encoded(halves("P").convert("PA"), "TIFF"), READ
    yield b"bits.png", encoded(halves("1"), "PNG"), READ
    yield b"progressive.jpg", encoded(halves(), "JPEG", progressive=True), READ
    yield b"arithmetic.jpg", arithmetic(), READ
    for name in (b"a\nb.png", "\u202e\U0001f600.png".encode(), b"\xff\xfe.png", b"\x1b[31m.png"):
        yield name, encoded(halves(), "PNG"), READ
        yield name.replace(b".png", b"-not.png"), b"no image", "its content is none of PNG, JPEG"


def lay_out(folder: Path) -> dict[str, str]:
    """Fill a folder, and say what each image has to be told of, by its name as it is printed."""
    expected = {}
    for name, content, said in files():
        (folder / os.fsdecode(name)).write_bytes(content)
        expected[os.fsdecode(name)] = said
    os.mkfifo(folder / "pipe.png")
    (folder / "itself.png").symlink_to("itself.png")
    (folder / "loop").symlink_to(".")
    return expected | {"pipe.png": "it is a pipe", "itself.png": "symbolic links"}


def pack(file: Path) -> dict[str, str]:
    """The same as an archive, of what there can be in one, with an entry that unpacks to no end."""
    expected = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, said in files():
            text = name.decode("utf-8", "replace")
            archive.writestr(text, content)
            expected[text] = said
    content = bytearray(file.read_bytes())
    at = content.rindex(b"PK\1\2", 0, content.rindex(b"empty.png"))
    content[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)  # what it says it takes unpacked
    file.write_bytes(content)
    return expected | {"empty.png": "bytes unpacked, more than"}


def passes(width: int, height: int, count: int) -> bytes:
    """A grey progressive JPEG of few bytes that is refined over and over, for 20 milliseconds each time."""
    blocks = (width // 8) * (height // 8)

    def scan(first: int, last: int, bits: int, content: bytes) -> bytes:
        return b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, first, last, bits) + content

    def table(kind: int, symbol: int) -> bytes:
        return b"\xff\xc4" + struct.pack(">HB", 20, kind) + bytes([1, *[0] * 15, symbol])

    runs = bytes(15 * (blocks // 2**14 + 1) // 8 + 1)  # each the code 0 and 14 bits: 16,384 blocks without a number
    return b"".join(
        (
            *(b"\xff\xd8", b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1] * 64)),
            b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + bytes([1, 0x11, 0]),
            *(table(0, 0), table(0x10, 0xE0), scan(0, 0, 0, bytes((blocks + 7) // 8)), scan(1, 63, 1, runs)),
            *(scan(1, 63, 0x10, runs) for _ in range(count)),
            b"\xff\xd9",
        )
    )


def arithmetic() -> bytes:
    """A grey JPEG whose numbers are coded arithmetically, which no encoder here writes: of 8x8 pixels, all alike."""
    return b"".join(
        (
            *(b"\xff\xd8", b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1] * 64)),
            b"\xff\xc9" + struct.pack(">HBHHB", 11, 8, 8, 8, 1) + bytes([1, 0x11, 0]),
            b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 63, 0) + bytes(20),
            b"\xff\xd9",
        )
    )
