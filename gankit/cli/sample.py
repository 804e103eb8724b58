"""gankit sample."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from gankit.cli.generators import (
    add_cutoff_option,
    add_generator_options,
    add_label_option,
    asked_generator,
    attributes_meant,
    check_truncations,
    class_meant,
    command_of_seed,
    said,
    typed_command,
    with_attributes,
)
from gankit.core.errors import UserError
from gankit.core.memory import too_large, too_large_for_disk

if TYPE_CHECKING:
    from gankit.data.sample_files import SampleBatch
    from gankit.generators.trained import TrainedGenerator

Told = Callable[..., dict[str, str]]
"""What is said in a file of the image of a seed, or of all."""
SampleForm = Literal["grid", "folder", "array"]
"""One picture of all images, a file of each, or an array."""
NUMBER, COLUMNS = 64, 8
"""Images if not told: of all, and of each row of a sweep."""


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    written = (
        "a file that ends in .png, for a grid of all images, one row a class; a folder, for a file of each: "
        "000000.png, ..., in a folder for each class; or a file that ends in .npy or .npz, for one array"
    )
    parser.add_argument("-o", "--output", required=True, metavar="PNG|FOLDER|NPY|NPZ", help=written)
    number = f"how many images (default: {NUMBER}, or {COLUMNS} for each of several PSI or VALUEs)"
    parser.add_argument("-n", "--number", type=int, metavar="N", help=number)
    parser.add_argument("--seed", type=int, metavar="S", help="decides the latents of all (default: 0)")
    seeds = (
        "in place of -n and --seed: an image of each of these seeds, such as 0-99,120, which depends on its own alone; "
        "files are named by it: seed000120.png"
    )
    parser.add_argument("--seeds", metavar="SEEDS", help=seeds)
    add_label_option(parser, "draw images of one class only", ", of one attribute several, as age=0,0.5,1: a row each")
    text = (
        "pull styles towards their mean, that of their class if there are some: 1 not at all, 0 fully; of several, as "
        "of 0,0.5,1, a grid has a row each"
    )
    parser.add_argument("--truncation", metavar="PSI[,PSI...]", help=text)
    add_cutoff_option(parser)


class _Asked(NamedTuple):
    """What is to be drawn."""

    form: SampleForm
    output: Path
    number: int
    """Of images, or of columns of a sweep."""
    seed: int
    seeds: list[int] | None
    truncations: list[float]
    """None or several: a row each."""
    cutoff: int | None
    label: int | None = None
    attribute: tuple[str, list[float]] | None = None
    """One of which several values make a row each."""

    @property
    def truncation(self) -> float | None:
        return self.truncations[0] if self.truncations else None


class _Drawn(NamedTuple):
    """Images that are yet to be drawn, and how they are laid out."""

    batches: Iterator[SampleBatch]
    number: int
    columns: int | None = None
    rows: Sequence[str] = ()
    """What stands to the left of rows."""
    lengths: Sequence[int] = ()
    """Images of each row; empty: all are filled."""
    caption: str = ""


def sample_command(arguments: argparse.Namespace) -> int:
    """Draw images from a run's averaged generator, or from the trained one itself."""
    asked = _check(arguments)

    from gankit.cli.answers.pictures import SampleAnswer
    from gankit.data.pictures import PICTURE_CHANNELS
    from gankit.pictures.about import about

    with asked_generator(arguments, sweeps=True) as generator:
        asked = asked._replace(label=class_meant(arguments.label, generator))
        drawn = _drawn(generator, asked)
        channels, height, width = generator.shape
        shape = (drawn.number, height, width, channels)
        if asked.form == "folder" and channels not in PICTURE_CHANNELS:
            raise UserError(
                f"-o: images of {channels} channels are no pictures; a file that ends in .npy or .npz holds them, one "
                "that ends in .png shows some channels"
            )
        if (lack := _lacking(asked.form, asked.output, shape)) is not None:
            raise UserError(f"{'-n' if asked.seeds is None else '--seeds'}: {lack}")
        of_seed = command_of_seed(arguments)

        def told(seed: int | None = None) -> dict[str, str]:
            return about(generator, Seed=seed, Command=typed_command(arguments) if seed is None else of_seed(seed))

        _write(asked, shape, drawn, generator, told)
    what = drawn.caption or ("" if asked.form == "grid" else f"{drawn.number:,} image{'s' * (drawn.number != 1)}")
    said(asked.output, what)
    if (generator.classes or generator.attributes) and asked.output.suffix.lower() == ".npy" and asked.form == "array":
        what = "classes" if generator.classes else "attributes"
        print(f"their {what} are not in it; a file that ends in .npz has room for them", file=sys.stderr)
    arguments.answer(SampleAnswer(wrote=str(asked.output), images=drawn.number))
    return 0


def _drawn(generator: TrainedGenerator, asked: _Asked) -> _Drawn:
    """What is asked for, of each class in rows if nothing speaks against it."""
    from itertools import chain

    import torch

    from gankit.data.pictures import exact_class_rows
    from gankit.pictures.sampling import images_of_seeds, labels_of, numbered_images
    from gankit.training.sampler import SampleOptions

    names, seeds, label = generator.classes, asked.seeds, asked.label
    labels = [] if label is None else [label]

    def row(generator: TrainedGenerator, psi: float | None) -> Iterator[SampleBatch]:
        if seeds is None:
            return numbered_images(generator, asked.number, asked.seed, SampleOptions(labels, psi, asked.cutoff))
        return images_of_seeds(generator, seeds, labels_of(generator, seeds, label), psi, asked.cutoff)

    if len(asked.truncations) > 1:
        rows = [row(generator, psi) for psi in asked.truncations]
        texts = [f"psi {psi:g}" for psi in asked.truncations]
        caption = f"the same {asked.number} latents at truncations of {', '.join(f'{p:g}' for p in asked.truncations)}"
        return _Drawn(chain(*rows), asked.number * len(rows), asked.number, texts, caption=caption)
    if asked.attribute is not None:
        name, values = asked.attribute
        rows = [row(with_attributes(generator, {name: value}), asked.truncation) for value in values]
        texts = [f"{name} {value:g}" for value in values]
        caption = f"the same {asked.number} latents with {name} of {', '.join(f'{value:g}' for value in values)}"
        return _Drawn(chain(*rows), asked.number * len(rows), asked.number, texts, caption=caption)
    by_class = bool(names) and asked.form == "grid" and label is None
    if seeds is not None and by_class:
        of_each = [seed for _ in names for seed in seeds]
        numbers = torch.arange(len(names), device=generator.device).repeat_interleave(len(seeds))
        batches = images_of_seeds(generator, of_each, numbers, asked.truncation, asked.cutoff)
        return _Drawn(batches, len(of_each), len(seeds), names, caption=f"seeds {_in_short(seeds)} of each class")
    if seeds is not None:
        classes = labels_of(generator, seeds, label)
        batches = images_of_seeds(generator, seeds, classes, asked.truncation, asked.cutoff)
        return _Drawn(batches, len(seeds))
    if by_class:
        rows = exact_class_rows(names, asked.number)
        options = SampleOptions(rows.labels, asked.truncation, asked.cutoff)
        batches = numbered_images(generator, asked.number, asked.seed, options)
        return _Drawn(batches, asked.number, rows.columns, rows.names, rows.lengths, rows.caption)
    options = SampleOptions(labels, asked.truncation, asked.cutoff)
    return _Drawn(numbered_images(generator, asked.number, asked.seed, options), asked.number)


def _in_short(seeds: Sequence[int]) -> str:
    from gankit.core.text import LONGEST_LIST, shortened

    return shortened(", ".join(map(str, seeds)), LONGEST_LIST)


def _lacking(form: SampleForm, output: Path, shape: Sequence[int]) -> str | None:
    """Say that there is no room for images of a shape, as far as is known beforehand; None if there is."""
    from gankit.data.sample_files import SMALLEST_PNG

    number, size = shape[0], math.prod(shape)
    if form == "folder":
        return too_large_for_disk(f"{number:,} images, be they ever so small,", number * SMALLEST_PNG, output)
    if form == "array":
        return too_large_for_disk(f"{number:,} images", size, output)
    if (lack := too_large(f"{number:,} images in one picture", size)) is None:
        return None
    return f"{lack}; name a folder to have a file of each, or a .npz"


def _write(asked: _Asked, shape: Sequence[int], drawn: _Drawn, generator: TrainedGenerator, told: Told) -> None:
    """Write images as they come, or lay all of them out in one picture."""
    import numpy as np

    from gankit.data.pictures import grid, save_png
    from gankit.data.sample_files import write_array, write_images

    output, names, attributes = asked.output, generator.classes, generator.attributes
    if asked.form == "folder":
        write_images(output, drawn.batches, names, told, attributes)
    elif asked.form == "array":
        write_array(output, shape, drawn.batches, names, told(), attributes)
    else:
        images = np.concatenate([batch.images for batch in drawn.batches])
        output.parent.mkdir(parents=True, exist_ok=True)
        save_png(output, grid(images, drawn.columns, names=drawn.rows, lengths=drawn.lengths), drawn.caption, told())


def _check(arguments: argparse.Namespace) -> _Asked:
    """Refuse numbers and names that make no sense.

    Returns:
        What is to be written.
    """
    from gankit.pictures.seeds import whole_numbers

    if arguments.number is not None and arguments.number < 1:
        raise UserError(f"-n: expected at least one image, not {arguments.number}")
    output = Path(arguments.output)
    is_folder = output.is_dir() or not output.suffix or arguments.output.endswith(os.sep)
    if not is_folder and output.suffix.lower() not in (".png", ".npy", ".npz"):
        raise UserError(f"-o: expected a file name that ends in .png, .npy or .npz, or a folder's name, not {output}")
    if is_folder and output.is_dir() and any(output.iterdir()):  # measured together, they would be a mixture
        raise UserError(f"-o: the folder {output} is not empty; name a new one for these images")
    form = "folder" if is_folder else "grid" if output.suffix.lower() == ".png" else "array"
    truncations = _truncations(arguments.truncation)
    check_truncations(truncations, arguments.cutoff)
    if len(truncations) > 1 and form != "grid":
        raise UserError("--truncation: several make rows of a grid; name a file that ends in .png, or one of them")
    swept = _swept(arguments, form, truncations)
    seeds = None
    if arguments.seeds is not None:
        if arguments.number is not None or arguments.seed is not None:
            raise UserError("--seeds: stands in place of -n and --seed; leave these out")
        seeds = whole_numbers(arguments.seeds, "--seeds")
        if form == "folder" and len({*seeds}) < len(seeds):
            raise UserError("--seeds: one is listed twice, but a folder has room for one file of each")
    usual = COLUMNS if len(truncations) > 1 or swept is not None else NUMBER
    number = len(seeds) if seeds is not None else usual if arguments.number is None else arguments.number
    return _Asked(form, output, number, arguments.seed or 0, seeds, truncations, arguments.cutoff, attribute=swept)


def _swept(
    arguments: argparse.Namespace, form: SampleForm, truncations: Sequence[float]
) -> tuple[str, list[float]] | None:
    """The attribute that has several values, which make rows of a grid.

    Raises:
        UserError: if there is no grid, or something else makes its rows.
    """
    swept = [(name, values) for name, values in attributes_meant(arguments).items() if len(values) > 1]
    if swept and form != "grid":
        raise UserError(
            "--attribute: several values make rows of a grid; name a file that ends in .png, or one of them"
        )
    if len(swept) + (len(truncations) > 1) > 1:
        raise UserError("--attribute: several values make the rows of a grid, as does only one option at a time")
    return swept[0] if swept else None


def _truncations(text: str | None) -> list[float]:
    """The numbers that a text lists; none if it is None."""
    try:
        return [] if text is None else [float(piece) for piece in text.split(",")]
    except ValueError:
        raise UserError(f"--truncation: expected a number, or several such as 0,0.5,1, not {text!r:.60}") from None
