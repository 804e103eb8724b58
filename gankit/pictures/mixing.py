"""Tables of images that take some of their styles from one source and the rest from another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.core.text import shortened
from gankit.data.images import as_pixels
from gankit.data.pictures import NEUTRAL, grid
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import Generator
from gankit.networks.layers import styles_of
from gankit.pictures.sampling import images_of_seeds, labels_of
from gankit.pictures.seeds import whole_numbers

BANDS = ("coarse", "middle", "fine")
"""Parts of a network from its lowest resolution up (Karras et al. 2019, section 3.1)."""
PUBLISHED = {"coarse": (4, 8), "middle": (16, 32), "fine": (64, 1 << 30)}
"""The resolutions of each in the paper."""
RANGE = re.compile(r"(\d{1,6})(?:x\1)?(?:-(\d{1,6})(?:x\2)?)?")
"""A resolution, or from one to another: 4-8, 16, 4x4-8x8."""


def style_resolutions(network: Generator) -> list[int]:
    """The resolution of the layer that each style goes into, in the order of styles; empty if none goes anywhere."""
    places = [resolution for resolution, part in network.parts() for _ in range(styles_of(part))]
    if network.rgb:
        places += [network.resolution] * styles_of(network.rgb[str(network.resolution)])
    return places


def bands_of(network: Generator) -> dict[str, list[int]]:
    """The resolutions in force by what they are called: those of the paper in a network that reaches its fine ones.

    In a smaller one they are a third of the resolutions each, the lower ones getting what is left over.
    """
    there = [resolution for resolution in network.resolutions if resolution <= network.resolution]
    if there[-1] >= PUBLISHED["fine"][0]:
        return {band: [each for each in there if low <= each <= high] for band, (low, high) in PUBLISHED.items()}
    return {band: part.tolist() for band, part in zip(BANDS, np.array_split(there, len(BANDS)), strict=True)}


class StyleChoice(NamedTuple):
    """Some of the styles of a generator."""

    name: str
    """As the user names them: coarse, 4-8, ..."""
    styles: list[int]
    """Their numbers, counted from 0."""
    where: str
    """Which those are, in words."""


def chosen_styles(network: Generator, text: str, option: str = "--from") -> list[StyleChoice]:
    """The styles that each piece of a text names: coarse, middle, fine, or resolutions, such as 4-8.

    Raises:
        UserError: if one names none of this network's styles.
    """
    places = _places(network, option)
    bands = bands_of(network)
    return [
        _of_resolutions(piece.strip(), _resolutions(piece.strip(), bands, option), places, option)
        for piece in text.split(",")
    ]


def numbered_styles(network: Generator, text: str, option: str = "--styles") -> StyleChoice:
    """The styles of the numbers that a text lists, such as 0-3.

    Raises:
        UserError: if there are no such numbers.
    """
    count = len(_places(network, option))
    return StyleChoice(text, sorted({*whole_numbers(text, option, "style", count - 1)}), f"styles {text}")


def _places(network: Generator, option: str) -> list[int]:
    """As `style_resolutions`, of two or more styles."""
    places = style_resolutions(network)
    if len(places) < 2:
        raise UserError(
            f"{option}: no layers of this run's generator have styles of their own; there is nothing to mix"
        )
    return places


def _resolutions(piece: str, bands: Mapping[str, Sequence[int]], option: str) -> Sequence[int]:
    if piece in bands:
        return bands[piece]
    there = [resolution for band in bands.values() for resolution in band]
    if (named := RANGE.fullmatch(piece)) is None:
        hint = did_you_mean(piece, BANDS)
        shown = shortened(piece, 60)
        raise UserError(
            f"{option}: expected coarse, middle, fine or resolutions, such as 4-8, not {shown!r}.{hint}", hint
        )
    low, high = int(named[1]), int(named[2] or named[1])
    if low not in there or high not in there or low > high:
        raise UserError(f"{option}: the resolutions of this generator go from {there[0]} to {there[-1]}, not {piece}")
    return [each for each in there if low <= each <= high]


def _of_resolutions(name: str, resolutions: Sequence[int], places: Sequence[int], option: str) -> StyleChoice:
    styles = [number for number, resolution in enumerate(places) if resolution in resolutions]
    if not styles:
        known = f"from {places[0]} to {places[-1]}"
        raise UserError(f"{option}: {name}: no style of this generator belongs there, but to resolutions {known}")
    first, last = resolutions[0], resolutions[-1]
    span = f"{first}x{first}" if first == last else f"{first}x{first} to {last}x{last}"
    return StyleChoice(name, styles, f"styles {styles[0]} to {styles[-1]}, of {span}")


def mixed_images(
    generator: TrainedGenerator,
    rows: Sequence[int],
    columns: Sequence[int],
    styles: Sequence[int],
    label: int | None = None,
    truncation: float | None = None,
    cutoff: int | None = None,
) -> np.ndarray:
    """A table of mixed images (Karras et al. 2019, figure 3), uint8 [rows, columns, H, W, C].

    An image has the styles that are named from the seed of its row and all else, its noise included, from that of its
    column. So with all styles it would be the row's but for noise, with none it is the column's.

    Args:
        generator: What makes them.
        rows: The seeds whose styles are taken.
        columns: The seeds that these are put into.
        styles: The numbers of the styles, counted from 0.
        label: Of which class all are; None: as of the seeds, where there are classes.
        truncation: How far styles are pulled towards their mean.
        cutoff: How many of the styles are; None: all.
    """

    def styles_of_seed(seed: int) -> torch.Tensor:
        return generator.map(generator.latents([seed]), labels_of(generator, [seed], label), truncation, cutoff)

    sources = {seed: styles_of_seed(seed) for seed in {*rows, *columns}}
    table = []
    for row in rows:
        for column in columns:
            mixed = sources[column].clone()
            mixed[:, styles] = sources[row][:, styles]
            table.append(generator.synthesize(mixed, labels_of(generator, [column], label), noise=[column]))
    pixels = as_pixels(torch.cat(table))
    return pixels.reshape(len(rows), len(columns), *pixels.shape[1:])


def mixed_table(
    generator: TrainedGenerator,
    rows: Sequence[int],
    columns: Sequence[int],
    choices: Sequence[StyleChoice],
    label: int | None = None,
    truncation: float | None = None,
    cutoff: int | None = None,
) -> np.ndarray:
    """The picture of `mixed_images` for each choice, with the images of the seeds above and to the left.

    Returns:
        uint8 [H, W, C], C as pictures have it; the names of choices and seeds stand to the left.
    """

    def sources(seeds: Sequence[int]) -> np.ndarray:
        batches = images_of_seeds(generator, seeds, labels_of(generator, seeds, label), truncation, cutoff)
        return np.concatenate([batch.images for batch in batches])

    above, left = sources(columns), sources(rows)
    images = [np.full_like(above[:1], NEUTRAL), above]
    for choice in choices:
        mixed = mixed_images(generator, rows, columns, choice.styles, label, truncation, cutoff)
        images += [image for pair in zip(left[:, None], mixed, strict=True) for image in pair]
    names = ["", *(f"{choice.name} {row}" for choice in choices for row in rows)]
    return grid(np.concatenate(images), 1 + len(columns), names=names)
