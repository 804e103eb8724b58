"""Files that pass for images: broken ones, bombs, oddities that are valid, and what is no image or no file at all."""

from __future__ import annotations

import os
import random
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from packaging.version import Version
from PIL import Image, PngImagePlugin, TiffImagePlugin, __version__, features

FORMATS = {
    "PNG": "png",
    "JPEG": "jpg",
    "WEBP": "webp",
    "BMP": "bmp",
    "GIF": "gif",
    "TIFF": "tif",
    "PPM": "ppm",
    "TGA": "tga",
    **({"AVIF": "avif"} if features.check("avif") else {}),
    **({"JPEG2000": "jp2"} if features.check("jpg_2000") else {}),
}
"""The formats that are promised, with an ending of each."""
UNREAD = () if Version(__version__) >= Version("13") else ("YCbCr.tif",)
"""Files of `coloured` that this Pillow writes and takes for truncated itself."""
RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


def encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    """The file of an image in one of Pillow's formats."""
    content = BytesIO()
    image.save(content, format=name, **options)
    return content.getvalue()


def noise(name: str) -> bytes:
    """A file in which every byte counts."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), name)


# --- broken -----------------------------------------------------------------------------------------------------------


def truncated() -> Iterator[tuple[str, bytes]]:
    """Each format cut off at several places."""
    for name, suffix in FORMATS.items():
        whole = noise(name)
        for length in (0, 1, 4, 10, 25, 60, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 1):
            yield f"{length}.{suffix}", whole[:length]


def flipped() -> Iterator[tuple[str, bytes]]:
    """Each format with bytes changed, in its header or anywhere."""
    for name, suffix in FORMATS.items():
        whole = noise(name)
        for seed, (count, end) in enumerate([(1, 40), (3, 64), (10, 100), (1, 10**9), (10, 10**9), (200, 10**9)]):
            changed, draw = bytearray(whole), random.Random(seed)
            for _ in range(count):
                changed[draw.randrange(min(end, len(changed)))] = draw.randrange(256)
            yield f"{seed}.{suffix}", bytes(changed)


# --- bombs ------------------------------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, pixels: bytes, *more: bytes, depth: int = 8, colours: int = 2, lace: int = 0) -> bytes:
    """A PNG of rows that each begin with their filter; `more` are chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, lace))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *more, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")])


def _resized(content: bytes, before: bytes, after: bytes) -> bytes:
    """A file with another size in its header, wherever that stands."""
    assert before in content
    return content.replace(before, after)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Files of few bytes that would unpack to 50,000 x 50,000 pixels, or to as many as their format can say."""
    size, small = 50_000, Image.new("RGB", (33, 33))
    le, be = struct.pack("<H", 33), struct.pack(">H", 33)
    yield "size.png", png(size, size, bytes(1000))
    yield "grey.png", png(size, size, bytes(1000), depth=1, colours=0)
    yield "laced.png", png(size, size, bytes(1000), lace=1)
    yield "size.gif", _resized(encoded(small, "GIF"), le * 2, struct.pack("<HH", size, size))
    yield "size.jpg", _resized(encoded(small, "JPEG"), be * 2, struct.pack(">HH", size, size))
    yield "size.bmp", _resized(encoded(small, "BMP"), struct.pack("<II", 33, 33), struct.pack("<II", size, size))
    yield "flipped.bmp", _resized(encoded(small, "BMP"), struct.pack("<II", 33, 33), struct.pack("<Ii", size, -size))
    yield "size.tga", _resized(encoded(small, "TGA"), le * 2, struct.pack("<HH", size, size))
    yield "size.ppm", b"P6 50000 50000 255\n" + bytes(1000)
    yield "digits.ppm", b"P6 " + b"9" * 1000 + b" 1 255\n"
    yield "text.ppm", b"P3 50000 50000 255\n" + b"1 " * 1000
    yield "comment.ppm", b"P6 #" + b"x" * 10_000_000
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
        tiff = TiffImagePlugin.ImageFileDirectory_v2()
        yield (
            f"{compression}.tif",
            _tiff_of(encoded(small, "TIFF", compression=compression, tiffinfo=tiff), {256: size, 257: size}),
        )
    yield "strips.tif", _tiff_of(encoded(small, "TIFF"), {278: 2**32 - 1})
    yield "bits.tif", _tiff_of(encoded(small, "TIFF"), {277: 65535})
    yield "loop.tif", _looped(encoded(small, "TIFF"))
    if "AVIF" in FORMATS:
        ispe = b"ispe\0\0\0\0" + struct.pack(">II", 33, 33)
        yield "size.avif", _resized(encoded(small, "AVIF"), ispe, b"ispe\0\0\0\0" + struct.pack(">II", size, size))
    if "JPEG2000" in FORMATS:
        whole = encoded(small, "JPEG2000")
        header, stream = b"ihdr" + struct.pack(">II", 33, 33), struct.pack(">II", 33, 33)
        yield "size.jp2", _resized(whole, struct.pack(">II", 33, 33), struct.pack(">II", size, size))
        yield (
            "stream.jp2",
            whole.replace(stream, struct.pack(">II", size, size)).replace(
                b"ihdr" + struct.pack(">II", size, size), header
            ),
        )
        yield "header.jp2", _resized(whole, header, b"ihdr" + struct.pack(">II", size, size))
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" * 2
    yield "size.webp", b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended
    lossless = encoded(small, "WEBP", lossless=True)
    yield "sides.webp", lossless[:21] + b"\xff\xff\xff\x0f" + lossless[25:]
    yield "wide.png", png(2**31 - 1, 1, bytes(1000))
    yield "none.png", png(0, 0, b"")
    yield "frames.png", png(8, 8, bytes(8 * 25), chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    zeros = zlib.compress(bytes(50_000_000), 9)
    yield "profile.png", png(8, 8, bytes(8 * 25), chunk(b"iCCP", b"a\0\0" + zeros))
    yield "text.png", png(8, 8, bytes(8 * 25), *[chunk(b"zTXt", b"a\0\0" + zeros)] * 3)
    yield "texts.png", png(8, 8, bytes(8 * 25), *[chunk(b"tEXt", b"a\0b")] * 300_000)
    yield "pixels.png", png(8, 8, bytes(200_000_000))
    yield "chunk.png", png(8, 8, bytes(8 * 25))[:33] + struct.pack(">I", 2**32 - 1) + b"tEXt"


def _tiff_of(content: bytes, tags: dict[int, int]) -> bytes:
    """A little-endian TIFF with other values in its directory, each as a 32-bit number."""
    changed = bytearray(content)
    start = struct.unpack_from("<I", content, 4)[0]
    for entry in range(struct.unpack_from("<H", content, start)[0]):
        place = start + 2 + 12 * entry
        if (tag := struct.unpack_from("<H", content, place)[0]) in tags:
            struct.pack_into("<HHII", changed, place, tag, 4, 1, tags[tag])
    return bytes(changed)


def _looped(content: bytes) -> bytes:
    """A TIFF whose directory is followed by itself."""
    changed = bytearray(content)
    start = struct.unpack_from("<I", content, 4)[0]
    struct.pack_into("<I", changed, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], start)
    return bytes(changed)


# --- of other formats -------------------------------------------------------------------------------------------------

OTHERS = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><image href='file:///etc/passwd'/></svg>",
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(1000),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n%%EOF\n",
    "ps": b"%!PS\n(x) print\n",
    "pdf": b"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n%%EOF",
    "html": b"<html><script>alert(1)</script></html>",
    "zip": b"PK\3\4" + bytes(100),
    "gz": b"\x1f\x8b\x08" + bytes(100),
    "elf": b"\x7fELF" + bytes(200),
    "py": b"#!/usr/bin/env python3\nimport os; os.system('touch ran')\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200),
    "fli": struct.pack("<IHHHHHH", 1000, 0xAF11, 10, 8, 8, 8, 3) + bytes(1000),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(100),
    "xpm": b'/* XPM */\nstatic char *a[] = {\n"1 1 1 1",\n"a c #000000",\n"a"\n};\n',
    "fits": b"SIMPLE  =                    T".ljust(2880),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "grib": b"GRIB" + bytes(100),
    "dcm": bytes(128) + b"DICM" + bytes(100),
    "exr": b"\x76\x2f\x31\x01" + bytes(100),
    "blank": b" " * 1000,
    "text": b"no image at all\n" * 100,
    "zeros": bytes(10_000),
}
"""Beginnings of files of formats that are not promised."""


def others() -> Iterator[tuple[str, bytes]]:
    """Promised formats by the endings of others, which are read, and formats that are not promised, which are not."""
    suffixes = list(FORMATS.values())
    for position, name in enumerate(FORMATS):
        yield f"{name}.{suffixes[position - 1]}", encoded(halves(), name)
    for name in ("EPS", "PDF", "ICO", "ICNS", "PCX", "SGI", "DDS", "BLP", "SPIDER", "MSP", "XBM"):
        image = halves({"SPIDER": "F", "MSP": "1", "XBM": "1", "BLP": "P"}.get(name, "RGB"))
        yield f"{name}.png", encoded(image, name)
    for name, content in OTHERS.items():
        yield f"{name}.jpg", content
        yield f"{name}.tga", content


# --- valid, but odd ---------------------------------------------------------------------------------------------------


def _laced() -> bytes:
    """An interlaced PNG of 8 x 8 pixels, red and blue, by its seven passes (PNG specification, section 8.2)."""
    rows = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for _ in range(y, 8, dy):
            rows += b"\0" + b"".join(bytes(RED if column < 4 else BLUE) for column in range(x, 8, dx))
    return png(8, 8, rows, lace=1)


def _exif(orientation: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""How an image is turned before it is saved by an orientation that turns it back."""
JUNK = b"Exif\0\0" + b"no TIFF at all" * 100
PROFILE = b"no profile" * 1000


def coloured() -> Iterator[tuple[str, bytes]]:
    """Files that show red on the left and blue on the right, in as many ways as there are."""
    for name, suffix in FORMATS.items():
        yield f"plain.{suffix}", encoded(halves(), name)
    for mode, name in (
        *(("P", "PNG"), ("RGBA", "PNG"), ("P", "GIF"), ("P", "BMP"), ("P", "TIFF"), ("P", "TGA"), ("CMYK", "JPEG")),
        *(("YCbCr", "JPEG"), ("YCbCr", "TIFF"), ("CMYK", "TIFF"), ("RGBA", "TIFF"), ("RGBA", "BMP")),
        *(("RGBA", "WEBP"), ("RGBA", "TGA"), ("RGBX", "TIFF")),
    ):
        yield f"{mode}.{FORMATS[name]}", encoded(halves(mode), name)
    yield "laced.png", _laced()
    yield "progressive.jpg", encoded(halves(), "JPEG", progressive=True, quality=95)
    for compression in ("packbits", "tiff_lzw", "tiff_deflate", "jpeg", "lzma", "zstd"):
        try:
            yield f"{compression}.tif", encoded(halves(), "TIFF", compression=compression)
        except (OSError, ValueError):  # not in this libtiff
            continue
    big = TiffImagePlugin.ImageFileDirectory_v2()
    yield "big.tif", encoded(halves(), "TIFF", big_tiff=True, tiffinfo=big)
    for name in ("GIF", "PNG", "WEBP", "TIFF", *(["AVIF"] if "AVIF" in FORMATS else [])):
        frames = [Image.new("RGB", (32, 32), "green")] * 3
        lossless = {"lossless": True} if name == "WEBP" else {}
        content = encoded(halves(), name, save_all=True, append_images=frames, **lossless)
        yield f"frames.{FORMATS[name]}", content
    for name in ("JPEG", "PNG", "WEBP", *(["AVIF"] if "AVIF" in FORMATS else [])):
        lossless = {"lossless": True} if name == "WEBP" else {}
        for orientation in (0, 1, 9, 65535):
            content = encoded(halves(), name, exif=_exif(orientation), **lossless)
            yield f"turn{orientation}.{FORMATS[name]}", content
        if name != "AVIF":  # which Pillow writes with nothing but EXIF
            yield f"junk.{FORMATS[name]}", encoded(halves(), name, exif=JUNK, **lossless)
        yield f"profile.{FORMATS[name]}", encoded(halves(), name, icc_profile=PROFILE, **lossless)
    for orientation in TURNED:
        turned = halves().transpose(TURNED[orientation])
        yield f"turned{orientation}.jpg", encoded(turned, "JPEG", exif=_exif(orientation), quality=95)
        yield f"turned{orientation}.png", encoded(turned, "PNG", exif=_exif(orientation))
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b" * 2_000_000, zip=True)
    text.add_itxt("c", "\x1b[31m\u202e", "en", "d")
    yield "text.png", encoded(halves(), "PNG", pnginfo=text)
    yield "rubbish.jpg", encoded(halves(), "JPEG") + bytes(100_000)
    yield "rubbish.png", encoded(halves(), "PNG") + b"<script>" * 1000
    yield "comment.jpg", encoded(halves(), "JPEG", comment=b"\x1b[2J" * 10_000)
    rows = " ".join("255 0 0 " * 4 + "0 0 255 " * 4 for _ in range(8))
    yield "text.ppm", f"P3 # \x1b[31m\n8 8 255 {rows}".encode()
    deep = b"".join((b"\xff\xff\0\0\0\0" * 4 + b"\0\0\0\0\xff\xff" * 4) for _ in range(8))
    yield "deep.ppm", b"P6 8 8 65535\n" + deep


def grey() -> Iterator[tuple[str, bytes]]:
    """Valid files of other kinds than three colours."""
    levels = np.tile(np.linspace(0, 1, 32), (32, 1))
    for name in ("PNG", "TIFF", "GIF", "BMP", "TGA"):
        yield f"bits.{FORMATS[name]}", encoded(halves("1"), name)
    for name in ("PNG", "TIFF", "PPM"):
        yield f"sixteen.{FORMATS[name]}", encoded(Image.fromarray((levels * 65535).astype(np.uint16)), name)
    yield "whole.tif", encoded(Image.fromarray((levels * 65535).astype(np.int32)), "TIFF")
    yield "group4.tif", encoded(halves("1"), "TIFF", compression="group4")
    yield "float.tif", encoded(Image.fromarray(levels.astype(np.float32)), "TIFF")
    yield "nan.tif", encoded(Image.fromarray((levels * np.nan).astype(np.float32)), "TIFF")
    yield "two.png", encoded(halves("LA"), "PNG")
    yield "clear.png", encoded(halves("P"), "PNG", transparency=bytes(range(256)))
    yield "clear.gif", encoded(halves("P"), "GIF", transparency=0)
    yield "key.png", encoded(halves(), "PNG", transparency=RED)
    for name, suffix in FORMATS.items():
        yield f"one.{suffix}", encoded(halves(size=(1, 1)), name)
        most = 65_500 if name == "JPEG" else 65_535
        for label, size in (("wide", (most, 1)), ("high", (1, most))):
            try:
                yield f"{label}.{suffix}", encoded(halves(size=size), name)
            except (OSError, ValueError):  # more than the format allows
                continue


# --- no files, and odd names ------------------------------------------------------------------------------------------


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, chdir(path.parent):  # its whole path may be too long
        listener.bind(path.name)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "pipe.png": os.mkfifo,
    "socket.png": _socket,
    "device.png": lambda path: path.symlink_to("/dev/zero"),
    "random.jpg": lambda path: path.symlink_to("/dev/urandom"),
    "input.png": lambda path: path.symlink_to("/dev/stdin"),
    "memory.png": lambda path: path.symlink_to("/proc/self/mem"),
    "itself.png": lambda path: path.symlink_to(path.name),
    "nowhere.png": lambda path: path.symlink_to("absent"),
    "folder.png": lambda path: path.symlink_to("/proc/self"),
    "above.png": lambda path: path.symlink_to(".."),
}
"""What is no file, by its name, and how it is made."""

NAMES = (
    *(
        b"\x1b[31m.png",
        b"a\nb.png",
        b"a\rb.png",
        b"\xff\xfe.png",
        b"-o.png",
        b"--set.png",
        b"a b.png",
        b"'.png",
        b'".png',
    ),
    *("\u202egnp.png".encode(), "\U0001f600.png".encode(), b"=cmd.png", b"%s{0}.png", b"x" * 251 + b".png", b"..png"),
    *(b"a.PNG", b"a.png.", b"a .png", b"[bold]a.png", b"\t.png", b"\x9b31m.png", b"*.png", b"~.png"),
)
"""Names of files, as bytes; all but that with the last dot too many are images."""
