"""gankit compare: variants side by side at each resolution, with what their seeds tell of chance."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.cli.options import add_comparison_options, write_output

if TYPE_CHECKING:
    from gankit.results.comparing import Comparison

FORMATS = ("terminal", "markdown", "csv", "json", "html")


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("compare", help="variants side by side, best first", description=__doc__)
    add_comparison_options(parser)
    parser.add_argument("--format", choices=FORMATS, default="terminal", help="of the tables (default: terminal)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the tables there, not to the screen")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw values over images and means: fid.png")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare, then draw and write what was asked for."""
    from gankit.results.comparing import compare
    from gankit.results.finding import gather

    if arguments.plot is not None:
        from gankit.results.plots import check

        check(arguments.plot)
    comparison = compare(gather(arguments.places), arguments.metric, arguments.baseline, arguments.holm)
    if arguments.plot is not None:
        from gankit.results.plots import plot

        write_output("--plot", arguments.plot, plot(comparison, arguments.plot.suffix))
    if arguments.output is not None:
        text = _as_text(comparison, arguments.format)
        write_output("-o", arguments.output, text.encode("utf-8", "backslashreplace"))
    elif arguments.format != "terminal":
        print(_as_text(comparison, arguments.format), end="")
    else:
        from rich.console import Console

        from gankit.results.formats import print_report
        from gankit.results.report import report

        print_report(report(comparison), Console())
    return 0


def _as_text(comparison: Comparison, form: str) -> str:
    """The tables in one of FORMATS."""
    from gankit.results import exporting, formats
    from gankit.results.report import report

    if form in ("csv", "json"):
        return {"csv": exporting.as_csv, "json": exporting.as_json}[form](comparison)
    shown = {"terminal": formats.as_terminal, "markdown": formats.as_markdown, "html": formats.as_html}
    return shown[form](report(comparison))
