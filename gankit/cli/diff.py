"""gankit diff."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_diff_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("here", type=Path, metavar="RUN", help="a run's folder, or one with one run")
    parser.add_argument("there", type=Path, metavar="OTHER", help="another")


def diff_command(arguments: argparse.Namespace) -> int:
    """Find where two runs part, by which number, and what of experiment, code, versions and machine differs.

    Returns:
        0 if all numbers that both have are the same to the bit, 1 if they part.
    """
    from gankit.results.finder import run_meant
    from gankit.results.parting import parting, parting_report
    from gankit.results.run_results import read_run
    from gankit.results.tables import print_report

    found = parting(*(read_run(run_meant(place), check=True) for place in (arguments.here, arguments.there)))
    if arguments.json:
        from gankit.cli.answers.results import DiffAnswer

        arguments.answer(DiffAnswer.of(found))
    else:
        from rich.console import Console

        print_report(parting_report(found), Console())
    return 0 if found.at is None else 1
