"""gankit sample: draw images from a run's averaged generator."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.options import EXECUTES
from gankit.errors import UserError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "sample", help="draw images from a trained generator", description=__doc__, epilog=EXECUTES
    )
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="a run's folder, one of its checkpoints, or a folder with one run"
    )
    parser.add_argument("--best", action="store_true", help="take the run's best checkpoint, not the newest")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PNG", help="where to write the grid")
    parser.add_argument("-n", "--number", type=int, default=64, metavar="N", help="how many images (default: 64)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="decides the latents (default: 0)")
    parser.add_argument("--label", type=int, metavar="K", help="draw images of class K only, counted from 0")
    parser.add_argument(
        "--truncation", type=float, metavar="PSI", help="pull styles towards their mean: 1 not at all, 0 fully"
    )
    parser.add_argument(
        "--cutoff", type=int, metavar="N", help="truncate only the first N styles, those of the coarsest layers"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Load the newest checkpoint and write a grid of its samples."""
    _check(arguments)

    from gankit.data import to_uint8
    from gankit.runs.blaming import blaming
    from gankit.runs.parts import choose_device
    from gankit.runs.pictures import grid, save_png
    from gankit.runs.recorded import load_recorded
    from gankit.training.checkpoints import chosen, experiment_of, load_average
    from gankit.training.sampling import Wish, sample

    device, checkpoint = choose_device("auto"), chosen(_run_meant(arguments.folder), arguments.best)
    experiment = load_recorded(experiment_of(checkpoint))  # sampling needs no data
    with blaming(experiment):
        generator = load_average(checkpoint, experiment, device)
    if arguments.truncation is not None and not hasattr(generator.mapping, "truncated"):
        raise UserError("--truncation: the mapping of this run's generator keeps no mean of styles to pull towards")
    classes = generator.place.classes
    if arguments.label is not None and not 0 <= arguments.label < classes:
        there = f"the classes of this run are 0 to {classes - 1}" if classes else "this run was trained without labels"
        raise UserError(f"--label: {there}")
    wish = Wish(arguments.label, arguments.truncation, arguments.cutoff)
    with blaming(experiment):
        images = sample(generator, 0, arguments.number, arguments.seed, device, wish)
    try:
        save_png(arguments.output, grid(to_uint8(images).permute(0, 2, 3, 1).cpu().numpy()))
    except OSError as failure:
        raise UserError(f"-o: cannot write {arguments.output}: {failure.strerror}") from None
    return 0


def _run_meant(place: Path) -> Path:
    """The only run that a place holds; itself, if there is none in it, for it may be a checkpoint."""
    from gankit.results.finding import find_runs

    try:
        runs = find_runs([place])
    except UserError:
        return place
    if len(runs) > 1:
        raise UserError(f"{place} holds {len(runs)} runs, such as {runs[0]}; name one of them")
    return runs[0]


def _check(arguments: argparse.Namespace) -> None:
    """Refuse numbers and names that make no sense."""
    if arguments.number < 1:
        raise UserError(f"-n: expected at least one image, not {arguments.number}")
    if arguments.output.suffix.lower() != ".png":
        raise UserError(f"-o: expected a file name that ends in .png, not {arguments.output}")
    if arguments.cutoff is not None and (arguments.truncation is None or arguments.cutoff < 1):
        raise UserError("--cutoff: expected a number of styles, 1 or more, beside --truncation")
