"""gankit mix."""

from __future__ import annotations

import argparse
import sys
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
from gankit.cli.options import png_output
from gankit.core.errors import UserError
from gankit.core.memory import too_large


def add_mix_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    rows = "seeds of the images to the left, whose styles are taken, such as 1,2"
    columns = "seeds of the images above, which these styles are put into"
    parser.add_argument("--rows", required=True, metavar="SEEDS", help=rows)
    parser.add_argument("--columns", required=True, metavar="SEEDS", help=columns)
    taken = (
        "which styles are taken: coarse, middle, fine, or those of resolutions, such as 4-8; of several, with commas "
        "between, the table has rows each (default: coarse)"
    )
    parser.add_argument("--from", dest="taken", metavar="PART", help=taken)
    parser.add_argument("--styles", metavar="NUMBERS", help="the same by the numbers of styles, counted from 0: 0-3")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PNG", help="what to write")
    add_label_option(parser, "the class that all images are of")
    add_truncation_options(parser)


def mix_command(arguments: argparse.Namespace) -> int:
    """Draw a table of images that have some styles of the image to their left and all else of the one above."""
    from gankit.pictures.seeds import whole_numbers

    png_output(arguments.output)
    check_truncations([] if arguments.truncation is None else [arguments.truncation], arguments.cutoff)
    rows, columns = whole_numbers(arguments.rows, "--rows"), whole_numbers(arguments.columns, "--columns")
    if arguments.taken is not None and arguments.styles is not None:
        raise UserError("--styles: says the same as --from; leave one out")

    from gankit.cli.answers.pictures import MixAnswer
    from gankit.data.pictures import save_png
    from gankit.pictures.about import about
    from gankit.pictures.mixing import chosen_styles, mixed_table, numbered_styles

    with asked_generator(arguments) as generator:
        label, network = class_meant(arguments.label, generator), generator.network
        if arguments.styles is not None:
            choices = [numbered_styles(network, arguments.styles)]
        else:
            choices = chosen_styles(network, arguments.taken or "coarse")
        channels, height, width = generator.shape
        count = (1 + len(rows) * len(choices)) * (1 + len(columns))
        if (lack := too_large(f"a table of {count:,} images", 8 * count * channels * height * width)) is not None:
            raise UserError(f"--columns: {lack}")
        table = mixed_table(generator, rows, columns, choices, label, arguments.truncation, arguments.cutoff)
        caption = f"{'; '.join(f'{one.name}: {one.where}' for one in choices)}, from the left; all else from above"
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        save_png(arguments.output, table, caption, about(generator, Command=typed_command(arguments)))
    for one in choices:
        print(f"{one.name}: {one.where}", file=sys.stderr)
    said(arguments.output)
    arguments.answer(MixAnswer(wrote=str(arguments.output), parts={one.name: one.where for one in choices}))
    return 0
