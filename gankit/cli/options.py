"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.errors import UserError
from gankit.evaluation.names import USUAL_METRIC

if TYPE_CHECKING:
    from gankit.results.finder import Damaged

EXECUTES = "The plugin files that a run's folder names are executed; look at them first if it is not your own."
"""Ends the help of commands that do so."""


def add_experiment_options(parser: argparse.ArgumentParser) -> None:
    """Add what names an experiment: `file`, `set` and `plugin`, as load_experiment takes them."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the experiment's YAML file")
    add_set_option(parser, "change one option, such as training.batch=16; may be repeated")
    add_plugin_option(parser)


def add_set_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `set`, a list of changes of the form a.b=value; `text` is its help."""
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help=text)


def add_only_option(parser: argparse.ArgumentParser) -> None:
    """Add `only`, a list of patterns for the runs of a study."""
    text = "only these runs or variants of a study, such as 'loss=*' or '*/seed-0'; may be repeated"
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help=text)


def add_plugin_option(parser: argparse.ArgumentParser) -> None:
    """Add `plugin`, a list of plugin files."""
    parser.add_argument(
        "--plugin",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="load a plugin that is a single Python file; may be repeated",
    )


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which runs are compared and how: `places`, `metric`, `baseline` and `holm`."""
    parser.add_argument("places", type=Path, nargs="+", metavar="PLACE", help="runs, studies, folders above either")
    metric = f"such as is; may be repeated (default: {USUAL_METRIC})"
    parser.add_argument("--metric", action="append", default=[], metavar="NAME", help=metric)
    parser.add_argument("--baseline", metavar="VARIANT", help="which the others are compared with (default: the first)")
    parser.add_argument("--holm", action="store_true", help="correct verdicts for the number of variants")


def warn_of_damaged(damaged: Sequence[Damaged]) -> int:
    """Name the runs that could not be read on standard error.

    Returns:
        The exit code: 1 if there are any, else 0.
    """
    for one in damaged:
        print(f"gankit: {one}", file=sys.stderr)
    return 1 if damaged else 0


def write_output(option: str, path: Path, content: bytes) -> None:
    """Write a file that `option` asks for, and say so on standard error.

    Raises:
        UserError: if it cannot be written.
    """
    from gankit.core.files import write_at_once

    try:
        write_at_once(path, content)
    except OSError as failure:
        raise UserError(f"{option}: cannot write {path}: {failure.strerror}") from None
    print(f"wrote {path}", file=sys.stderr)


def load_plugins(files: Iterable[Path]) -> None:
    """Load the installed plugins and those in `files`.

    Raises:
        UserError: if one of the files cannot be loaded.
    """
    from gankit.discovery.manager import plugins

    plugins.load_installed()
    for file in files:
        plugins.load_file(file)
