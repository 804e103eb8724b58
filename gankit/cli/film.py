"""gankit film."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gankit.cli.generators import (
    add_generator_options,
    add_label_option,
    asked_generator,
    check_truncations,
    class_meant,
    said,
    typed_command,
)
from gankit.cli.interpolate import add_film_output_options, check_film_output
from gankit.core.errors import UserError
from gankit.core.memory import too_large

if TYPE_CHECKING:
    from gankit.pictures.growing_film import Frame

SEEDS = "0-15"
"""Of the images of a generator that grows."""


def add_film_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    add_film_output_options(parser, 8)
    growth = "not the grids that the run kept, but one checkpoint, grown from stage to stage"
    parser.add_argument("--growth", action="store_true", help=growth)
    parser.add_argument("--seeds", metavar="SEEDS", help=f"with --growth: those of the images (default: {SEEDS})")
    steps = "with --growth: frames of each fade, and of each stage (default: 12)"
    parser.add_argument("--steps", type=int, metavar="N", help=steps)
    add_label_option(parser, "with --growth: the class that all images are of")
    text = "with --growth: pull styles towards their mean: 1 not at all, 0 fully"
    parser.add_argument("--truncation", type=float, metavar="PSI", help=text)
    parser.add_argument("--no-captions", action="store_true", help="do not write below the frames when they were")


def film_command(arguments: argparse.Namespace) -> int:
    """Film how the images of the same latents came about: by a run's grids, or by one generator that grows."""
    check_film_output(arguments)
    check_truncations([] if arguments.truncation is None else [arguments.truncation], None)

    from gankit.cli.answers.pictures import FilmAnswer
    from gankit.data.pictures import READABLE
    from gankit.pictures.about import SOFTWARE, about
    from gankit.pictures.growing_film import grown_frames, recorded_frames, recorded_grids
    from gankit.pictures.seeds import whole_numbers
    from gankit.results.finder import run_meant

    seeds = whole_numbers(SEEDS if arguments.seeds is None else arguments.seeds, "--seeds")
    only_growth = [name for name in ("seeds", "steps", "label", "truncation") if getattr(arguments, name) is not None]
    if arguments.at is not None or arguments.alpha is not None:
        raise UserError("--at: a film goes through all stages; leave it out")
    run = run_meant(arguments.folder)
    grids = [] if arguments.growth else recorded_grids(run)
    if not arguments.growth and len(grids) < 2:
        raise UserError(
            f"{arguments.folder}: keeps {len(grids) or 'no'} grid{'s' * (not grids)} of samples, and a film takes two "
            "or more, which the observer sample-grid keeps; --growth films one checkpoint as it grows"
        )
    if only_growth and not arguments.growth:
        raise UserError(f"--{only_growth[0]}: is for --growth; the grids that a run kept are as they are")
    if not arguments.growth:
        told = {**SOFTWARE, "Run": run.absolute().name, "Command": typed_command(arguments)}
        count = _written(arguments, recorded_frames(grids), told)
    else:
        with asked_generator(arguments) as generator:
            label = class_meant(arguments.label, generator)
            channels, height, width = generator.shape
            size = len(seeds) * channels * max(height, READABLE) * max(width, READABLE)
            if (lack := too_large(f"{len(seeds):,} images in one frame", 8 * size)) is not None:
                raise UserError(f"--seeds: {lack}")
            steps = 12 if arguments.steps is None else arguments.steps
            frames = grown_frames(generator, seeds, steps, label, arguments.truncation)
            count = _written(arguments, frames, about(generator, Command=typed_command(arguments)))
    said(arguments.output, f"{count:,} frames")
    arguments.answer(FilmAnswer(wrote=str(arguments.output), frames=count))
    return 0


def _written(arguments: argparse.Namespace, frames: Iterable[Frame], about: Mapping[str, str]) -> int:
    """Write frames, with their captions if these are wanted; how many there were."""
    from gankit.pictures.animations import write_film
    from gankit.pictures.growing_film import captioned

    pictures = (frame.pixels if arguments.no_captions else captioned(frame) for frame in frames)
    try:
        return write_film(arguments.output, pictures, arguments.rate, about)
    except OSError as failure:
        raise UserError(f"-o: cannot write {arguments.output}: {failure.strerror}") from None
