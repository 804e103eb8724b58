"""gankit compare."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.cli.options import add_comparison_options, warn_of_damaged, write_output
from gankit.core.errors import UserError
from gankit.core.text import printable_lines

if TYPE_CHECKING:
    from gankit.results.comparison import Comparison

FORMATS = ("terminal", "markdown", "csv", "json", "html")
ENDINGS = {".txt": "terminal", ".md": "markdown", ".markdown": "markdown", ".csv": "csv", ".json": "json"}
ENDINGS |= {".html": "html", ".htm": "html"}
"""The format that the ending of a file's name says."""


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_comparison_options(parser)
    chosen = "of the tables (default: by the ending of -o: .md, .csv, .json, .html or .txt; else terminal)"
    parser.add_argument("--format", choices=FORMATS, help=chosen)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the tables there, not to the screen")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw values over images and means: fid.png")


def compare_command(arguments: argparse.Namespace) -> int:
    """Variants side by side at the end of each stage, with what their seeds tell of chance.

    Returns:
        0; 1 if a run could not be read, so that its seed is missing, or its metrics.jsonl is not what it recorded.
    """
    from gankit.results.comparison import compare_runs
    from gankit.results.finder import gather_readable

    form = _format(arguments.format, arguments.output)
    if arguments.json and arguments.output is None and form not in ("terminal", "json"):
        raise UserError(f"--json: the tables are to be {form} by --format; name a file for these with -o")
    if arguments.plot is not None:
        from gankit.results.plots import refuse_unknown_format

        refuse_unknown_format(arguments.plot)
    runs, damaged = gather_readable(arguments.places)
    comparison = compare_runs(runs, arguments.metric, arguments.baseline, arguments.holm, damaged)
    if arguments.plot is not None:
        from gankit.results.plots import plot

        write_output("--plot", arguments.plot, plot(comparison, arguments.plot.suffix))
    if arguments.output is not None:
        text = _as_text(comparison, form)
        write_output("-o", arguments.output, text.encode("utf-8", "backslashreplace"))
    if arguments.json:
        from gankit.cli.answers.results import CompareAnswer

        arguments.answer(CompareAnswer.model_validate_json(_as_text(comparison, "json")))
    elif arguments.output is None and form != "terminal":
        print(printable_lines(_as_text(comparison, form)), end="")
    elif arguments.output is None:
        from rich.console import Console

        from gankit.results.report import build_report
        from gankit.results.tables import print_report

        print_report(build_report(comparison), Console())
    return warn_of_damaged(damaged, runs)


def _format(asked: str | None, output: Path | None) -> str:
    """The format asked for, else the one that the file's ending says.

    Raises:
        UserError: if the two differ, or the ending says nothing and none was asked for.
    """
    ending = "" if output is None else output.suffix.lower()
    said = ENDINGS.get(ending)
    if asked is not None and said not in (asked, None):
        raise UserError(f"-o: {output} ends as {said} does, but --format is {asked}; change one of them")
    if asked is None and said is None and ending:
        known = ", ".join(ENDINGS)
        raise UserError(f"-o: {output} does not say its format: end it in one of {known}, or name one with --format")
    return asked or said or "terminal"


def _as_text(comparison: Comparison, form: str) -> str:
    """The tables in one of FORMATS."""
    from gankit.results import export, report, tables
    from gankit.results.page.markup import as_html

    if form in ("csv", "json"):
        return {"csv": export.comparison_as_csv, "json": export.comparison_as_json}[form](comparison)
    shown = {"terminal": tables.as_terminal, "markdown": tables.as_markdown, "html": as_html}
    return shown[form](report.build_report(comparison))
