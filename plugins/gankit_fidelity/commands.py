"""gankit extractor: make a network of your own to measure with.

`gankit extractor train` trains a small classifier on labelled images. It is for domains in which networks trained on
photographs see little.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gankit import hookimpl
from gankit.cli.json_output import add_json_options
from gankit.cli.options import add_plugin_option, load_plugins

if TYPE_CHECKING:
    from gankit.cli.answers.base import Answer

ARGUMENTS = {
    "epochs": ("N", "how often it sees each image (default: as many as show 300,000, 50 at most)"),
    "seed": ("S", "decides first weights, order and shifts (default: 0)"),
    "size": ("PX", "height and width of the images that it sees, 8 to 256 (default: 32)"),
}


@hookimpl
def gankit_add_commands(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add("extractor", "train a network of your own to measure with")
    parser.description = __doc__
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    train = parts.add_parser("train", help="train one on labelled images", description="Train one on labelled images.")
    train.add_argument(
        "--data",
        required=True,
        metavar="DATA",
        help="a folder with one folder of images a class, or a data set as in an experiment: fashion-mnist or "
        "'{use: folder, path: faces, channels: 1}'; its labels are switched on",
    )
    train.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write the weights")
    for name, (metavar, text) in ARGUMENTS.items():
        train.add_argument(f"--{name}", metavar=metavar, help=text)
    add_plugin_option(train)
    add_json_options(train, _answers)
    train.set_defaults(run=run)


def _answers() -> type[Answer]:
    """What is said with --json."""
    from gankit_fidelity.answers import ExtractorTrainAnswer

    return ExtractorTrainAnswer


def run(arguments: argparse.Namespace) -> int:
    """Train, and print what the result is worth and how to use it."""
    load_plugins(arguments.plugin)

    from gankit.config.loader import data_argument, read_arguments
    from gankit_fidelity.classifier_trainer import TrainingOptions, train_own

    given = {"data": data_argument(arguments.data)} | {name: getattr(arguments, name) for name in ARGUMENTS}
    made = train_own(read_arguments(TrainingOptions, given), arguments.output, lambda line: print(line, flush=True))
    arguments.answer(made)
    return 0
