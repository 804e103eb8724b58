"""Small files of images, damaged at random: each by its number, so that any of them can be made again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from PIL import Image
from support.hostile_images import FORMATS, encoded

KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *((name, "RGB", {}) for name in FORMATS),
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
    *(("TIFF", mode, {}) for mode in ("1", "L", "P", "CMYK", "I;16", "F", "LAB")),
    *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
    *(("JPEG", mode, {}) for mode in ("L", "CMYK")),
    ("TIFF", "1", {"compression": "group4"}),
    ("JPEG", "RGB", {"progressive": True}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "P", {}),
    ("TGA", "RGBA", {"compression": "tga_rle"}),
    *((name, "RGB", {"save_all": True}) for name in ("GIF", "PNG", "WEBP", "TIFF")),
)
"""Format, mode and options of what is damaged."""


@cache
def _whole(kind: int) -> bytes:
    """A file of a kind before it is damaged, in which hardly a byte is like the next."""
    name, mode, options = KINDS[kind]
    pixels = np.random.default_rng(kind).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    frames = [_in_mode(Image.fromarray(pixels // part), mode) for part in (1, 2, 3)]
    more = {"append_images": frames[1:]} if "save_all" in options else {}
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = {"exif": exif.tobytes()} if name in ("JPEG", "PNG", "WEBP") else {}
    return encoded(frames[0], name, **options, **more, **turned)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    grey = np.asarray(image.convert("L"))
    if mode == "F":
        return Image.fromarray(grey.astype(np.float32) / 255)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode == "LAB":
        return Image.merge("LAB", image.split())
    return image.convert(mode)


def damaged(content: bytes, draw: random.Random) -> bytes:
    """A file with some bytes changed, mostly near its beginning, or with a part cut off, left out or repeated."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 12))):
        end = len(changed) if draw.random() < 0.5 else min(len(changed), 120)
        at = draw.randrange(max(1, end))
        length = min(len(changed) - at, draw.choice((1, 2, 4, 8, 100)))
        match draw.randrange(6):
            case 0 | 1:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 2:  # a number that is far too large, or none
                changed[at : at + length] = bytes([draw.choice((0, 0x7F, 0x80, 0xFF))]) * length
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[at : at + length] * draw.choice((1, 2, 50))
            case _:
                if draw.random() < 0.3:
                    del changed[at:]
    return bytes(changed)


def fuzzed(count: int, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """So many damaged files by their names."""
    for number in range(first, first + count):
        kind = number % len(KINDS)
        content = damaged(_whole(kind), random.Random(number))
        yield f"{number:06}.{FORMATS[KINDS[kind][0]]}", content
