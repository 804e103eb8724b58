"""gankit sample."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.cli.options import add_no_run_plugins_option
from gankit.core.errors import UserError
from gankit.core.memory import too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

MOST_TRUNCATION = 2
"""Beyond 1 styles are pushed away from their mean."""


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_no_run_plugins_option(parser)
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="a run's folder, one of its checkpoints, or a folder with one run"
    )
    parser.add_argument("--best", action="store_true", help="take the run's best checkpoint, not the newest")
    written = "a file that ends in .png, for a grid of all images; or a folder, for a file of each: 000000.png, ..."
    parser.add_argument("-o", "--output", required=True, metavar="PNG|FOLDER", help=written)
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
    """Draw images from a run's averaged generator."""
    is_folder = _check(arguments)
    output = Path(arguments.output)

    from gankit.checkpoints.classes import class_names
    from gankit.checkpoints.store import chosen, experiment_of, load_average, manifest_of
    from gankit.data.images import images_at_a_time, to_uint8
    from gankit.networks.protocols import CanTruncate
    from gankit.runs.attribution import attributing_errors
    from gankit.runs.components import choose_device
    from gankit.runs.recorded import load_recorded
    from gankit.training.sampler import SampleOptions, sample

    device, checkpoint = choose_device("auto"), chosen(_run_meant(arguments.folder), arguments.best)
    experiment = load_recorded(experiment_of(checkpoint))  # sampling needs no data
    with attributing_errors(experiment):
        generator = load_average(checkpoint, experiment, device)
    if arguments.truncation is not None and not isinstance(generator.mapping, CanTruncate):
        raise UserError("--truncation: the mapping of this run's generator keeps no mean of styles to pull towards")
    pixels = arguments.number * generator.resolution**2
    if not is_folder and (lack := too_large(f"{arguments.number:,} images in one picture", pixels)) is not None:
        raise UserError(f"-n: {lack}; name a folder to have a file of each")
    names = class_names(experiment, manifest_of(checkpoint), generator.context.classes)
    label = None if arguments.label is None else _class_meant(arguments.label, names)
    options = SampleOptions(label, arguments.truncation, arguments.cutoff)

    def drawn() -> Iterator[np.ndarray]:
        step = images_at_a_time(generator.resolution)
        for first in range(0, arguments.number, step):
            with attributing_errors(experiment):
                some = sample(generator, first, min(step, arguments.number - first), arguments.seed, device, options)
            yield to_uint8(some).permute(0, 2, 3, 1).cpu().numpy()

    try:
        _write_each(output, drawn()) if is_folder else _write_grid(output, drawn())
    except OSError as failure:
        raise UserError(f"-o: cannot write {output}: {failure.strerror}") from None
    print(f"wrote {output}" + (f": {arguments.number:,} images" if is_folder else ""), file=sys.stderr)
    return 0


def _write_grid(file: Path, batches: Iterator[np.ndarray]) -> None:
    """Lay all images, uint8 [n, H, W, C], out in one picture."""
    import numpy as np

    from gankit.data.pictures import grid, save_png

    picture = grid(np.concatenate([*batches]))
    file.parent.mkdir(parents=True, exist_ok=True)
    save_png(file, picture)


def _write_each(folder: Path, batches: Iterator[np.ndarray]) -> None:
    """Write every image, of uint8 [n, H, W, C], as a picture of its own."""
    from gankit.data.pictures import as_png

    folder.mkdir(parents=True, exist_ok=True)
    images = (image for batch in batches for image in batch)
    for number, image in enumerate(images):
        (folder / f"{number:06}.png").write_bytes(as_png(image))


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
    from gankit.runs.transfer import listed

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


def _check(arguments: argparse.Namespace) -> bool:
    """Refuse numbers and names that make no sense.

    Returns:
        Whether the output is a folder.
    """
    if arguments.number < 1:
        raise UserError(f"-n: expected at least one image, not {arguments.number}")
    output = Path(arguments.output)
    is_folder = output.is_dir() or not output.suffix or arguments.output.endswith(os.sep)
    if not is_folder and output.suffix.lower() != ".png":
        raise UserError(f"-o: expected a file name that ends in .png or a folder's name, not {output}")
    if is_folder and output.is_dir() and any(output.iterdir()):  # measured together, they would be a mixture
        raise UserError(f"-o: the folder {output} is not empty; name a new one for these images")
    if arguments.truncation is not None and not 0 <= arguments.truncation <= MOST_TRUNCATION:
        raise UserError(f"--truncation: expected a number from 0 to {MOST_TRUNCATION}, not {arguments.truncation:g}")
    if arguments.cutoff is not None and (arguments.truncation is None or arguments.cutoff < 1):
        raise UserError("--cutoff: expected a number of styles, 1 or more, beside --truncation")
    return is_folder
