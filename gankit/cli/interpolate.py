"""gankit interpolate."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.generators import (
    add_generator_options,
    add_label_option,
    add_truncation_options,
    asked_generator,
    check_truncations,
    class_meant,
    said,
    typed_command,
)
from gankit.core.errors import UserError

MOST_RATE = 240
"""Frames a second that anything shows."""


def add_film_output_options(parser: argparse.ArgumentParser, rate: float) -> None:
    """Add where a film is written to and how fast it is: `output` and `rate`."""
    written = "what to write: a file that ends in .gif or .mp4, or a folder, for a file of each frame"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="GIF|MP4|FOLDER", help=written)
    text = f"frames a second (default: {rate:g}); a GIF has at most 50"
    parser.add_argument("--rate", type=float, default=rate, metavar="FPS", help=text)


def check_film_output(arguments: argparse.Namespace) -> None:
    """Refuse what no film can be written to, before anything is drawn.

    Raises:
        UserError: naming the option.
    """
    from gankit.pictures.animations import film_form

    film_form(arguments.output)
    if not 0 < arguments.rate <= MOST_RATE:
        raise UserError(f"--rate: expected a number of frames a second, up to {MOST_RATE}, not {arguments.rate:g}")


def add_interpolate_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    parser.add_argument("--seeds", required=True, metavar="SEEDS", help="two or more to go between, such as 1,5,9")
    add_film_output_options(parser, 24)
    parser.add_argument("--steps", type=int, default=24, metavar="N", help="frames from seed to seed (default: 24)")
    where = (
        "w: straight between styles; z: along the sphere of latents (default: w if the mapping keeps a mean of styles)"
    )
    parser.add_argument("--in", dest="space", choices=("w", "z"), help=where)
    add_label_option(parser, "the class that all images are of")
    add_truncation_options(parser)


def interpolate_command(arguments: argparse.Namespace) -> int:
    """Film the way from the image of a seed to that of the next, and from the last back to the first."""
    from gankit.pictures.seeds import whole_numbers

    check_film_output(arguments)
    check_truncations([] if arguments.truncation is None else [arguments.truncation], arguments.cutoff)
    seeds = whole_numbers(arguments.seeds, "--seeds")

    from gankit.cli.answers.pictures import InterpolateAnswer
    from gankit.data.pictures import grid
    from gankit.pictures.about import about
    from gankit.pictures.animations import write_film
    from gankit.pictures.interpolating import interpolated_images, usual_space

    with asked_generator(arguments) as generator:
        label, space = class_meant(arguments.label, generator), arguments.space or usual_space(generator)
        images = interpolated_images(
            generator, seeds, arguments.steps, space, label, arguments.truncation, arguments.cutoff
        )
        frames = (grid(image[None]) for image in images)
        told = about(generator, Command=typed_command(arguments))
        count = write_film(arguments.output, frames, arguments.rate, told)
    said(arguments.output, f"{count:,} frames between {len(seeds):,} seeds in {space}")
    arguments.answer(InterpolateAnswer(wrote=str(arguments.output), frames=count, seeds=seeds, space=space))
    return 0
