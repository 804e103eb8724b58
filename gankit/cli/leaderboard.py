"""gankit leaderboard."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.compare import ENDINGS
from gankit.cli.completers import completed_by, numbers
from gankit.cli.options import USUAL, write_output
from gankit.core.errors import UserError
from gankit.core.failures import warn


def add_leaderboard_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    text = "what others have sent, a folder each, with a run or several in it"
    parser.add_argument("places", type=Path, nargs=1, metavar="FOLDER", help=text)
    parser.add_argument("-o", "--output", type=Path, metavar="HTML", help="write a page there, not to the screen")
    metric = parser.add_argument("--metric", metavar="NAME", help=f"by which they are ranked (default: {USUAL})")
    completed_by(metric, numbers)


def leaderboard_command(arguments: argparse.Namespace) -> int:
    """Check results that others have sent and rank them, each way of measuring for itself; none of their code is run.

    Returns:
        0; 1 if something was refused.
    """
    from gankit.results.leaderboard import leaderboard, leaderboard_report

    output: Path | None = arguments.output
    if output is not None and ENDINGS.get(output.suffix.lower(), "html") != "html":
        raise UserError(f"-o: the page is HTML, so its name ends in .html, not as in {output}")
    found = leaderboard(arguments.places[0], arguments.metric)
    if output is not None:
        from gankit.results.page.markup import as_html

        page = as_html(leaderboard_report(found, output))
        write_output("-o", output, page.encode("utf-8", "backslashreplace"))
    if arguments.json:
        from gankit.cli.answers.leaderboard import LeaderboardAnswer

        arguments.answer(LeaderboardAnswer.of(found))
    elif output is None:
        from rich.console import Console

        from gankit.results.tables import print_report

        print_report(leaderboard_report(found), Console())
    for one in found.refused:
        warn(f"{one.path} is refused: {one.reason}")
    return 1 if found.refused else 0
