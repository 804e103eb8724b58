"""Pictures for people: grids of samples, saved as PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gankit.core.files import write_at_once
from gankit.core.text import listed, printable, shortened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PICTURE_CHANNELS = (1, 3, 4)
"""Of pictures: grey, RGB, RGB with opacity."""
READABLE = 64
"""Small images are enlarged to at least so many pixels."""
NEUTRAL = 128
"""The grey between images: neither the black nor the white that they may end in."""
LETTERS = 14
"""Pixels of height of the names of rows, if these are as high."""
CAPTION = "Description"
"""Where a PNG keeps its caption: one of the keywords of its specification."""
LONGEST_CAPTION = 300
"""Characters that are shown of one."""
LONGEST_NAME = 24
"""Characters that are shown of one."""
MOST_SHORT_ROWS = 8
"""Rows of a single image that a picture may have."""


class ClassRows(NamedTuple):
    """Samples of a generator with classes, laid out with a row for each class."""

    names: list[str]
    """What is shown of the classes, from the upper row down: their names."""
    lengths: list[int]
    """Images of each row, of which lower ones may have one less."""
    classes: int
    """How many there are, be they shown or not."""

    @property
    def columns(self) -> int:
        """Images of the longest row."""
        return self.lengths[0]

    @property
    def caption(self) -> str:
        """Which row shows what."""
        most, fewest, rows = self.lengths[0], self.lengths[-1], len(self.names)
        each = "each class" if rows == self.classes else f"each of the first {rows:,} of {self.classes:,} classes"
        each = each if rows > 1 else f"the first of {self.classes:,} classes" if self.classes > 1 else "the one class"
        of_each = f"{most} image{'s' * (most != 1)} of {each}"
        if most != fewest:
            of_each = f"{sum(self.lengths)} images, {fewest} or {most} of {each}"
        return f"{of_each}: {listed(self.names)}"

    @property
    def labels(self) -> list[int]:
        """The class of each image, first to last from the upper left."""
        return [row for row, length in enumerate(self.lengths) for _ in range(length)]


def class_rows(names: Sequence[str], count: int) -> ClassRows:
    """How at most `count` images of all classes are laid out; of the first if there are more classes than images."""
    rows = len(names) if len(names) <= count else math.isqrt(count)
    return ClassRows([*names[:rows]], [count // rows] * rows, len(names))


def exact_class_rows(names: Sequence[str], count: int) -> ClassRows:
    """How exactly `count` images of all classes are laid out; of the first if there are more classes than images."""
    rows = len(names) if len(names) <= count else max(min(count, MOST_SHORT_ROWS), math.isqrt(count))
    least, more = divmod(count, rows)
    return ClassRows([*names[:rows]], [least + (row < more) for row in range(rows)], len(names))


def grid(
    images: np.ndarray,
    columns: int | None = None,
    gap: int = 2,
    scale: int | None = None,
    names: Sequence[str] = (),
    lengths: Sequence[int] = (),
) -> np.ndarray:
    """Lay images out in rows, first to last from the upper left.

    Args:
        images: uint8 [N, H, W, C], N at least 1; see `visible`.
        columns: Images a row; default: as near to a square as it gets.
        gap: Pixels between neighbours, counted after enlargement.
        scale: Whole number by which each pixel is repeated; default: the least that makes images 64 pixels high.
        names: What is written to the left of the rows.
        lengths: Images of each row, none more than `columns`, if these are not all filled.

    Returns:
        uint8 [H', W', C], C as pictures have it.
    """
    images = visible(images)
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    lengths = lengths or [min(columns, count - first) for first in range(0, count, columns)]
    rows = len(lengths)
    places = ((row, column) for row, length in enumerate(lengths) for column in range(length))
    scale = scale or math.ceil(READABLE / height)
    height, width = height * scale, width * scale
    enlarged = images.repeat(scale, axis=1).repeat(scale, axis=2)
    canvas = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), NEUTRAL, dtype=images.dtype
    )
    canvas[:, :, 3:] = 255  # opaque
    for image, (row, column) in zip(enlarged, places, strict=True):
        top, left = row * (height + gap), column * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas if not names else np.concatenate([_margin(names, height, gap, canvas), canvas], axis=1)


def visible(images: np.ndarray) -> np.ndarray:
    """Images [..., C] as far as pictures have room for their channels: three of more than four, one of two."""
    channels = images.shape[-1]
    return images if channels in PICTURE_CHANNELS else images[..., : 3 if channels > 2 else 1]


def _margin(names: Sequence[str], height: int, gap: int, canvas: np.ndarray) -> np.ndarray:
    """What stands to the left of rows of a height: their names, or numbers where the font lacks letters of a name."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(min(LETTERS, height))
    texts = [
        shown if (shown := shortened(name, LONGEST_NAME)).isascii() and shown.isprintable() else str(number)
        for number, name in enumerate(names)
    ]
    width = max(math.ceil(font.getlength(text)) for text in texts) + LETTERS
    picture = Image.new("L", (width, len(canvas)), NEUTRAL)
    draw = ImageDraw.Draw(picture)
    for row, text in enumerate(texts):
        draw.text((LETTERS // 2, row * (height + gap) + height / 2), text, fill=255, font=font, anchor="lm")
    margin = np.repeat(np.asarray(picture)[:, :, None], canvas.shape[2], axis=2)
    margin[:, :, 3:] = 255
    return margin


def save_png(path: Path, image: np.ndarray, caption: str = "", about: Mapping[str, str] | None = None) -> None:
    """Save a picture as a PNG that is either complete or not there; see `as_png`."""
    write_at_once(path, as_png(image, caption, about))


def caption_of(picture: Picture) -> str:
    """What `save_png` was told of a picture, on a line that can be shown; empty if nothing."""
    return printable(shortened(str(picture.info.get(CAPTION, "")), LONGEST_CAPTION))


def as_png(image: np.ndarray, caption: str = "", about: Mapping[str, str] | None = None) -> bytes:
    """The PNG file of uint8 [H, W, 1, 3 or 4], the same bytes for the same image; a caption is kept in it.

    Of four channels the last is opacity, which the colours are multiplied by.

    Args:
        image: The picture.
        caption: What it shows; empty: nothing is said of it.
        about: Further texts that are kept in it, by names of at most 79 Latin letters.

    Raises:
        ValueError: if `image` is of another form.
    """
    from PIL.PngImagePlugin import PngInfo

    content, texts = BytesIO(), PngInfo()
    for name, text in (({CAPTION: caption} if caption else {}) | dict(about or {})).items():
        texts.add_itxt(name, printable(text))
    as_image(image).save(content, format="PNG", pnginfo=texts)
    return content.getvalue()


def as_image(image: np.ndarray) -> Picture:
    """The picture of uint8 [H, W, 1, 3 or 4]; of four channels the last is opacity, which colours are multiplied by.

    Raises:
        ValueError: if `image` is of another form.
    """
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in PICTURE_CHANNELS:
        raise ValueError(f"a picture is uint8 [H, W, 1, 3 or 4], not {image.dtype} {list(image.shape)}")
    if image.shape[2] == 4:  # a PNG's colours are not multiplied by opacity
        return Image.frombytes("RGBa", image.shape[1::-1], image.tobytes()).convert("RGBA")
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
