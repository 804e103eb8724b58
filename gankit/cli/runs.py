"""gankit runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.completers import completed_by, numbers
from gankit.cli.options import USUAL


def add_runs_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "places", type=Path, nargs="*", metavar="DIR", help="runs, studies, folders above either (default: runs)"
    )
    metric = parser.add_argument("--metric", metavar="NAME", help=f"whose last value is shown (default: {USUAL})")
    completed_by(metric, numbers)


def runs_command(arguments: argparse.Namespace) -> int:
    """What has become of every run, and how far it is."""
    from gankit.results.finder import gather_readable
    from gankit.results.run_tables import overview, shown_metric
    from gankit.results.tables import print_section

    runs, damaged = gather_readable(arguments.places or [Path("runs")])
    if arguments.json:
        from gankit.cli.answers.base import DamagedAnswer
        from gankit.cli.answers.results import RunAnswer, RunsAnswer

        metric = shown_metric(runs, arguments.metric)
        missing = [DamagedAnswer.of(one) for one in damaged]
        arguments.answer(RunsAnswer(runs=[RunAnswer.of(run, metric) for run in runs], damaged=missing))
    else:
        from rich.console import Console

        print_section(overview(runs, arguments.metric, damaged), Console())
    return 0
