"""gankit sample."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gankit.cli.options import add_no_run_plugins_option, add_which_option
from gankit.core.errors import UserError
from gankit.core.memory import too_large, too_large_for_disk
from gankit.core.text import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from gankit.data.pictures import ClassRows
    from gankit.data.sample_files import SampleBatch
    from gankit.networks.generator import Generator
    from gankit.training.sampler import SampleOptions

Form = Literal["grid", "folder", "array"]
"""One picture of all images, a file of each, or an array."""

MOST_TRUNCATION = 2
"""Beyond 1 styles are pushed away from their mean."""


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_no_run_plugins_option(parser)
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="a run's folder, one of its checkpoints, or a folder with one run"
    )
    parser.add_argument("--best", action="store_true", help="take the run's best checkpoint, not the newest")
    add_which_option(parser)
    written = (
        "a file that ends in .png, for a grid of all images, one row a class; a folder, for a file of each: "
        "000000.png, ..., in a folder for each class; or a file that ends in .npy or .npz, for one array"
    )
    parser.add_argument("-o", "--output", required=True, metavar="PNG|FOLDER|NPY|NPZ", help=written)
    parser.add_argument("-n", "--number", type=int, default=64, metavar="N", help="how many images (default: 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="decides the latents (default: 0)")
    parser.add_argument(
        "--label", metavar="K|NAME", help="draw images of one class only: its number, counted from 0, or its name"
    )
    parser.add_argument(
        "--truncation",
        type=float,
        metavar="PSI",
        help="pull styles towards their mean, that of their class if there are some: 1 not at all, 0 fully",
    )
    parser.add_argument(
        "--cutoff", type=int, metavar="N", help="truncate only the first N styles, those of the coarsest layers"
    )


def sample_command(arguments: argparse.Namespace) -> int:
    """Draw images from a run's averaged generator, or from the trained one itself."""
    form, output, number = _check(arguments), Path(arguments.output), arguments.number

    from gankit.checkpoints.classes import class_names
    from gankit.checkpoints.store import chosen, experiment_of, load_generator, manifest_of
    from gankit.data.pictures import PICTURE_CHANNELS, class_rows
    from gankit.networks.protocols import CanTruncate
    from gankit.runs.attribution import attributing_errors
    from gankit.runs.components import choose_device
    from gankit.runs.recorded import load_recorded
    from gankit.training.sampler import SampleOptions

    device, checkpoint = choose_device("auto"), chosen(_run_meant(arguments.folder), arguments.best)
    experiment = load_recorded(experiment_of(checkpoint))  # sampling needs no data
    with attributing_errors(experiment):
        generator = load_generator(checkpoint, experiment, device, arguments.which)
    if arguments.truncation is not None and not isinstance(generator.mapping, CanTruncate):
        raise UserError("--truncation: the mapping of this run's generator keeps no mean of styles to pull towards")
    names = class_names(experiment, manifest_of(checkpoint), generator.context.classes)
    labels = [] if arguments.label is None else [_class_meant(arguments.label, names)]
    height, data = generator.resolution, experiment.data
    shape = (number, height, round(height * data.aspect()), data.image_channels())
    if form == "folder" and shape[3] not in PICTURE_CHANNELS:
        raise UserError(
            f"-o: images of {shape[3]} channels are no pictures; a file that ends in .npy or .npz holds them, one that "
            "ends in .png shows some channels"
        )
    if (lack := _lacking(form, output, shape)) is not None:
        raise UserError(f"-n: {lack}")
    rows = class_rows(names, number) if names and form == "grid" and not labels else None
    if rows is not None:
        labels, number = rows.labels, len(rows.labels)
    options = SampleOptions(labels, arguments.truncation, arguments.cutoff)
    with attributing_errors(experiment):
        try:
            batches = _drawn(generator, number, arguments.seed, device, options)
            _write(form, output, shape, batches, names, rows)
        except OSError as failure:
            raise UserError(f"-o: cannot write {output}: {failure.strerror}") from None
    what = f": {rows.caption}" if rows is not None else "" if form == "grid" else f": {number:,} images"
    print(printable(f"wrote {output}{what}"), file=sys.stderr)
    if names and form == "array" and output.suffix.lower() == ".npy":
        print("their classes are not in it; a file that ends in .npz has room for them", file=sys.stderr)
    return 0


def _lacking(form: Form, output: Path, shape: Sequence[int]) -> str | None:
    """That there is no room for images of a shape, as far as that can be told before; None if there is."""
    from gankit.data.sample_files import SMALLEST_PNG

    number, size = shape[0], math.prod(shape)
    if form == "folder":
        return too_large_for_disk(f"{number:,} images, be they ever so small,", number * SMALLEST_PNG, output)
    if form == "array":
        return too_large_for_disk(f"{number:,} images", size, output)
    if (lack := too_large(f"{number:,} images in one picture", size)) is None:
        return None
    return f"{lack}; name a folder to have a file of each, or a .npz"


def _drawn(
    generator: Generator, number: int, seed: int, device: torch.device, options: SampleOptions
) -> Iterator[SampleBatch]:
    """So many images, a few at a time."""
    from gankit.data.images import images_at_a_time, to_uint8
    from gankit.data.sample_files import SampleBatch
    from gankit.training.sampler import samples

    step = images_at_a_time(generator.resolution)
    for first in range(0, number, step):
        some = samples(generator, first, min(step, number - first), seed, device, options)
        images = to_uint8(some.images).permute(0, 2, 3, 1).cpu().numpy()
        yield SampleBatch(images, None if some.labels is None else some.labels.cpu().numpy())


def _write(
    form: Form,
    output: Path,
    shape: Sequence[int],
    batches: Iterator[SampleBatch],
    names: Sequence[str],
    rows: ClassRows | None,
) -> None:
    """Write images as they come, or lay all of them out in one picture."""
    import numpy as np

    from gankit.data.pictures import grid, save_png
    from gankit.data.sample_files import write_array, write_images

    if form == "folder":
        write_images(output, batches, names)
    elif form == "array":
        write_array(output, shape, batches, names)
    else:
        images = np.concatenate([batch.images for batch in batches])
        output.parent.mkdir(parents=True, exist_ok=True)
        if rows is None:
            save_png(output, grid(images))
        else:
            save_png(output, grid(images, rows.columns, names=rows.names), rows.caption)


def _run_meant(place: Path) -> Path:
    """The only run that a place holds; itself, if there is none in it, for it may be a checkpoint."""
    from gankit.results.finder import find_runs

    try:
        runs = find_runs([place])
    except UserError:
        return place
    if len(runs) > 1:
        raise UserError(f"{place} holds {len(runs)} runs, such as {runs[0]}; name one of them")
    return runs[0]


def _class_meant(text: str, names: Sequence[str]) -> int:
    """The number of the class that `text` names; what is both a name and a number is the name.

    Raises:
        UserError: if there is none.
    """
    from gankit.core.options import did_you_mean

    if not names:
        raise UserError("--label: this run was trained without labels")
    if text in names:
        number = names.index(text)
        if text.isdecimal() and int(text) != number:
            print(f"--label: class {number}, whose name is {text}", file=sys.stderr)
        return number
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    hint = did_you_mean(text, names) or f" They are {listed(names)}."
    raise UserError(f"--label: this run has no class {text}, but the classes 0 to {len(names) - 1}.{hint}")


def _check(arguments: argparse.Namespace) -> Form:
    """Refuse numbers and names that make no sense.

    Returns:
        What is to be written.
    """
    if arguments.number < 1:
        raise UserError(f"-n: expected at least one image, not {arguments.number}")
    output = Path(arguments.output)
    is_folder = output.is_dir() or not output.suffix or arguments.output.endswith(os.sep)
    if not is_folder and output.suffix.lower() not in (".png", ".npy", ".npz"):
        raise UserError(f"-o: expected a file name that ends in .png, .npy or .npz, or a folder's name, not {output}")
    if is_folder and output.is_dir() and any(output.iterdir()):  # measured together, they would be a mixture
        raise UserError(f"-o: the folder {output} is not empty; name a new one for these images")
    if arguments.truncation is not None and not 0 <= arguments.truncation <= MOST_TRUNCATION:
        raise UserError(f"--truncation: expected a number from 0 to {MOST_TRUNCATION}, not {arguments.truncation:g}")
    if arguments.cutoff is not None and (arguments.truncation is None or arguments.cutoff < 1):
        raise UserError("--cutoff: expected a number of styles, 1 or more, beside --truncation")
    return "folder" if is_folder else "grid" if output.suffix.lower() == ".png" else "array"
