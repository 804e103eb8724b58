"""Films of how a run's images came about: by the grids that it kept, or by one generator grown from stage to stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gankit.core.errors import UserError
from gankit.core.progress import stage_label
from gankit.data.image_reading import PixelBound, open_image
from gankit.data.images import as_pixels
from gankit.data.pictures import LETTERS, NEUTRAL, READABLE, grid
from gankit.generators.trained import TrainedGenerator
from gankit.pictures.sampling import labels_of

GRID_NAME = re.compile(r"(\d{8,})-([1-9]\d*)x([1-9]\d*)(?:-.*)?\.png")
"""What observers call a grid of samples: images shown, height and width of one, and the stage's name."""
GAP = 2
"""Pixels between the images of a grid."""
MARGIN = 6
"""Pixels around a line of text."""


class Frame(NamedTuple):
    """A picture of a film."""

    pixels: np.ndarray
    """uint8 [H, W, C]."""
    caption: str
    """When it was, in words."""


class RecordedGrid(NamedTuple):
    """A grid that a run kept."""

    file: Path
    images: int
    """Shown when it was painted."""
    height: int
    width: int
    """Of one of its images."""


def recorded_grids(run: Path) -> list[RecordedGrid]:
    """The grids of samples that a run's folder holds, in the order in which they were painted; [] if there are none."""
    names = sorted(path for path in (run / "samples").glob("*.png"))
    found = [(path, named) for path in names if (named := GRID_NAME.fullmatch(path.name))]
    return sorted((RecordedGrid(path, *map(int, named.groups())) for path, named in found), key=lambda one: one.images)


def recorded_frames(grids: Sequence[RecordedGrid]) -> Iterator[Frame]:
    """Recorded grids as frames of one size, that of the last: pixels of smaller images are repeated.

    Raises:
        UserError: if one cannot be read, or its images are not laid out as in the last.
    """
    last = _read(grids[-1].file)
    for one in grids:
        pixels = _read(one.file)
        caption = f"{one.images:,} images, {one.height}x{one.width}"
        yield Frame(_enlarged(pixels, one, last, grids[-1]), caption)


def _read(file: Path) -> np.ndarray:
    """A picture as uint8 [H, W, 1 or 3]."""
    with open_image(file, PixelBound()) as picture:
        pixels = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _enlarged(pixels: np.ndarray, one: RecordedGrid, last: np.ndarray, final: RecordedGrid) -> np.ndarray:
    """A grid laid out as the last is: images by repeating their pixels, names of rows and gaps as there."""
    if pixels.shape == last.shape:
        return pixels
    sides = [(_shown(one.height, one.height), _shown(final.height, final.height))]
    sides += [(_shown(one.height, one.width), _shown(final.height, final.width))]
    indices = []
    for axis, (here, there) in enumerate(sides):
        size, wanted = pixels.shape[axis], last.shape[axis]
        count, rest = divmod(wanted - size, there - here) if there > here else (0, 1)
        margin = size + GAP - count * (here + GAP)
        if rest or count < 1 or margin < 0 or there % here or wanted + GAP - count * (there + GAP) != margin:
            raise UserError(f"{one.file}: its images are not laid out as in {final.file.name}; were there as many?")
        cells = np.arange(there + GAP) * here // there  # the gap after an image is of one grey
        within = np.concatenate([margin + cell * (here + GAP) + cells for cell in range(count)])[: wanted - margin]
        indices.append((margin, within))
    (_, rows), (margin, columns) = indices
    enlarged = pixels[rows][:, columns]
    if pixels.shape[2] != last.shape[2]:
        raise UserError(f"{one.file}: its images have other channels than those in {final.file.name}")
    return np.concatenate([last[:, :margin], enlarged], axis=1)


def _shown(height: int, side: int) -> int:
    """Pixels that a side of an image of some height takes in a grid."""
    return side * -(-READABLE // height)


def grown_frames(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    steps: int = 12,
    label: int | None = None,
    truncation: float | None = None,
) -> Iterator[Frame]:
    """One generator growing: its images at each stage, then as many steps of the fade into the next.

    Images of lower stages are made by the way into an image that those trained, and by layers that went on learning
    after them. All share one noise.

    Args:
        generator: What makes them.
        seeds: Those of the images.
        steps: Frames that a fade takes, alpha 0 and 1 included, and as many show each stage as it is.
        label: Of which class all are; None: as of the seeds, where there are classes.
        truncation: How far styles are pulled towards their mean.

    Raises:
        UserError: if it has one stage alone, or there are fewer than two steps.
    """
    stages = [each for each in generator.network.stage_resolutions if each <= generator.resolution]
    if len(stages) < 2:
        raise UserError(
            f"--growth: this generator has not grown, but is at {stages[0]}x{stages[0]} as in the beginning"
        )
    if steps < 2:
        raise UserError(f"--steps: expected two frames or more from stage to stage, not {steps}")
    for number, resolution in enumerate(stages):
        for alpha in np.linspace(0, 1, steps) if number else [1.0]:
            images = images_at(generator, resolution, float(alpha), seeds, label, truncation, stages[-1])
            caption = stage_label(resolution) + (f", alpha {alpha:.2f}" if alpha < 1 else "")
            frame = Frame(grid(images), caption)
            yield from [frame] * (1 if alpha < 1 else steps)


def images_at(
    generator: TrainedGenerator,
    resolution: int,
    alpha: float,
    seeds: Sequence[int],
    label: int | None = None,
    truncation: float | None = None,
    final: int | None = None,
) -> np.ndarray:
    """Images of seeds at a stage, uint8 [N, H, W, C], pixels repeated until they are `final` high."""
    grown = generator.at(resolution=resolution, alpha=alpha)
    images = grown.of_seeds(seeds, labels_of(grown, seeds, label), truncation, noise="fixed")
    factor = (final or resolution) // resolution
    return as_pixels(images).repeat(factor, axis=1).repeat(factor, axis=2)


def captioned(frame: Frame) -> np.ndarray:
    """A frame with its caption below it, uint8 [H', W, C]."""
    from PIL import Image, ImageDraw, ImageFont

    _, width, channels = frame.pixels.shape
    strip = Image.new("L", (width, LETTERS + 2 * MARGIN), NEUTRAL)
    font = ImageFont.load_default(LETTERS)
    ImageDraw.Draw(strip).text((MARGIN, strip.height // 2), frame.caption, fill=255, font=font, anchor="lm")
    text = np.repeat(np.asarray(strip)[:, :, None], channels, axis=2)
    text[:, :, 3:] = 255
    return np.concatenate([frame.pixels, text])
