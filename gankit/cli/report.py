"""gankit report."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.compare import ENDINGS
from gankit.cli.options import add_comparison_options, add_no_run_plugins_option, warn_of_damaged, write_output
from gankit.core.errors import UserError


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_comparison_options(parser)
    add_no_run_plugins_option(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="HTML", help="where to write the page")


def report_command(arguments: argparse.Namespace) -> int:
    """A comparison as one page to send, with tables, plots, samples and where they come from.

    Returns:
        0; 1 if a run could not be read, so that its seed is missing, or its metrics.jsonl is not what it recorded.
    """
    from gankit.results.comparison import compare_runs
    from gankit.results.finder import gather_readable

    if arguments.output.is_dir() or not arguments.output.parent.is_dir():  # sampling takes a while, so say it before
        lacking = "it is a folder" if arguments.output.is_dir() else f"there is no folder {arguments.output.parent}"
        raise UserError(f"-o: cannot write {arguments.output}: {lacking}")
    if ENDINGS.get(arguments.output.suffix.lower(), "html") != "html":
        raise UserError(f"-o: the page is HTML, so its name ends in .html, not as in {arguments.output}")
    runs, damaged = gather_readable(arguments.places)
    comparison = compare_runs(runs, arguments.metric, arguments.baseline, arguments.holm, damaged)

    from gankit.results.page.report import report_page

    write_output("-o", arguments.output, report_page(comparison).encode("utf-8", "backslashreplace"))
    if arguments.json:
        from gankit.cli.answers.base import DamagedAnswer
        from gankit.cli.answers.results import ReportAnswer

        missing = [DamagedAnswer.of(one) for one in damaged]
        arguments.answer(ReportAnswer(wrote=str(arguments.output), damaged=missing))
    return warn_of_damaged(damaged, runs)
