"""gankit directions."""

from __future__ import annotations

import argparse
from pathlib import Path
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
from gankit.cli.options import png_output
from gankit.core.errors import UserError

if TYPE_CHECKING:
    from gankit.pictures.directions import Directions, Finder


def add_directions_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    written = "what to write: a file that ends in .png, for a strip of images each, or in .npz, for the directions"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PNG|NPZ", help=written)
    by = (
        "weights: what the layers that read a style, or else the first that reads a latent, look at most; components: "
        "how styles vary most (default: both, where there are styles)"
    )
    parser.add_argument("--by", choices=("weights", "components"), help=by)
    parser.add_argument("--count", type=int, default=5, metavar="K", help="how many directions of each (default: 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="whose image is moved (default: 0)")
    parser.add_argument("--steps", type=int, default=7, metavar="N", help="images in a row, an odd number (default: 7)")
    strength = "how far the first and the last are away, in standard deviations of styles or latents (default: 3)"
    parser.add_argument("--strength", type=float, default=3.0, metavar="X", help=strength)
    parts = "move only the styles of this part: coarse, middle, fine, or resolutions, such as 4-8"
    parser.add_argument("--from", dest="taken", metavar="PART", help=parts)
    add_label_option(parser, "the class of the image")
    text = "pull styles towards their mean before they are moved: 1 not at all, 0 fully"
    parser.add_argument("--truncation", type=float, metavar="PSI", help=text)


def directions_command(arguments: argparse.Namespace) -> int:
    """Find ways to change images of a trained generator, and show what each does to one."""
    is_array = arguments.output.suffix.lower() == ".npz"
    if not is_array:
        png_output(arguments.output, " or .npz")
    check_truncations([] if arguments.truncation is None else [arguments.truncation], None)
    if arguments.count < 1:
        raise UserError(f"--count: expected one direction or more, not {arguments.count}")

    import numpy as np

    from gankit.cli.answers.pictures import DirectionsAnswer
    from gankit.data.pictures import grid, save_png
    from gankit.pictures.about import about
    from gankit.pictures.directions import found_directions, moved_images, write_directions
    from gankit.pictures.mixing import chosen_styles, style_resolutions

    with asked_generator(arguments) as generator:
        label, network = class_meant(arguments.label, generator), generator.network
        parts = None if arguments.taken is None else chosen_styles(network, arguments.taken)
        styles = None if parts is None else [number for part in parts for number in part.styles]
        usual: tuple[Finder, ...] = ("weights", "components") if style_resolutions(network) else ("weights",)
        wanted: tuple[Finder, ...] = usual if arguments.by is None else (arguments.by,)
        found: dict[Finder, Directions] = {
            by: found_directions(generator, by, arguments.count, styles) for by in wanted
        }
        told = about(generator, Command=typed_command(arguments))
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        if is_array:
            write_directions(arguments.output, found, told)
        else:
            strips = [
                moved_images(
                    generator,
                    arguments.seed,
                    ways,
                    arguments.steps,
                    arguments.strength,
                    label,
                    arguments.truncation,
                    styles,
                )
                for ways in found.values()
            ]
            images = np.concatenate([image for strip in strips for image in strip])
            names = [f"{by[:-1]} {number}" for by, ways in found.items() for number in range(1, len(ways.vectors) + 1)]
            caption = (
                f"the image of seed {arguments.seed}, moved up to {arguments.strength:g} standard deviations each way"
            )
            save_png(arguments.output, grid(images, arguments.steps, names=names), caption, told)
    said(arguments.output, ", ".join(f"{len(ways.vectors)} by {by}" for by, ways in found.items()))
    arguments.answer(
        DirectionsAnswer(wrote=str(arguments.output), directions={by: len(ways.vectors) for by, ways in found.items()})
    )
    return 0
