"""gankit compare: the metrics of runs side by side, best first at each resolution."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("compare", help="metrics of runs side by side, best first", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the last evaluation of every stage of every run."""
    from gankit.runs.results import print_results

    print_results(arguments.folders)
    return 0
