"""gankit expand: list the runs of a study with what differs between them."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.options import add_experiment_options, add_only_option


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("expand", help="list the runs of a study", description=__doc__)
    add_experiment_options(parser)
    add_only_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each run and what they come to."""
    from gankit.studies.listing import print_runs
    from gankit.studies.reading import the_study

    study = the_study(arguments.file, arguments.set, arguments.plugin)
    print_runs(study, study.chosen(arguments.only), Path("runs") / study.name)
    return 0
