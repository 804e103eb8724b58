"""gankit expand: print an experiment with all that it extends and every default, or list the runs of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.options import add_experiment_options, add_only_option
from gankit.core.errors import UserError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "expand", help="print all that an experiment says, or the runs of a study", description=__doc__
    )
    add_experiment_options(parser)
    add_only_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the experiment, or a line for each run of the study and what they come to; the data need not be here."""
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study
    from gankit.config.yaml.writer import dump_experiment
    from gankit.studies.progress import print_runs

    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lambda lacking: None)
    if isinstance(read, Study):
        print_runs(read, read.chosen(arguments.only), Path("runs") / read.name)
    elif arguments.only:
        raise UserError(f"--only: {arguments.file} is no study but an experiment")
    else:
        print(dump_experiment(read), end="")
    return 0
