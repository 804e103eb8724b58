"""gankit import."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gankit.cli.options import add_no_run_plugins_option, add_plugin_option, add_set_option
from gankit.core.errors import UserError
from gankit.core.text import first_of, printable

MOST_NAMED = 3
"""Weights that are left out and named."""
ENDING = ".safetensors"


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    kinds = "a state dict as .safetensors, .npz, or what torch.save wrote of tensors alone: .pt, .pth"
    parser.add_argument("file", type=Path, metavar="FILE", help=kinds)
    text = "the YAML file of an experiment whose generator computes what theirs does; its data need not be here"
    parser.add_argument("--experiment", type=Path, required=True, metavar="EXPERIMENT", help=text)
    text = "the .safetensors file to write, which gankit sample and gankit.load take"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=text)
    text = "what stands before the generator's names, such as G_ema, in a file that holds several"
    parser.add_argument("--prefix", metavar="TEXT", help=text)
    add_set_option(parser, "change one option of the experiment, such as generator.channels=16; may be repeated")
    add_plugin_option(parser)
    add_no_run_plugins_option(parser)


def import_command(arguments: argparse.Namespace) -> int:
    """Put a generator's weights that the authors of its paper have published into one file for gankit."""
    output: Path = arguments.output
    if output.suffix.lower() != ENDING:
        raise UserError(f"-o: expected a file name that ends in {ENDING}, not {output}")
    if output.exists() and arguments.file.exists() and output.samefile(arguments.file):
        raise UserError(f"-o: {output} is the file that is read; name another")

    from gankit.cli.answers.pictures import ImportAnswer
    from gankit.config.loader import load_experiment
    from gankit.generators.exported import write_export
    from gankit.generators.importing import import_generator

    experiment = load_experiment(arguments.experiment, arguments.set, arguments.plugin, note=lambda lacking: None)
    imported = import_generator(arguments.file, experiment, arguments.prefix)
    try:
        write_export(output, imported.generator)
    except OSError as failure:
        raise UserError(f"-o: cannot write {output}: {failure.strerror}") from None
    generator = imported.generator
    channels, height, width = generator.shape
    count = sum(parameter.numel() for parameter in generator.parameters())
    what = f"the generator of {imported.system}, {height}x{width}, {channels} channels, {count:,} weights"
    print(printable(f"wrote {output}: {what}"), file=sys.stderr)
    if left := imported.left_out:
        print(f"left out, as nothing needs them: {len(left):,}, such as {first_of(left, MOST_NAMED)}", file=sys.stderr)
    arguments.answer(
        ImportAnswer(
            wrote=str(output),
            system=imported.system,
            height=height,
            width=width,
            channels=channels,
            weights=count,
            left_out=list(left),
        )
    )
    return 0
