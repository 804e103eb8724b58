"""The parser of every command, and the options that several share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gankit.cli.completers import completed_by, generators, numbers, settings
from gankit.cli.json_output import Misused
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.options import did_you_mean
from gankit.core.text import LONGEST_MESSAGE, printable, shortened
from gankit.evaluation.names import USUAL_METRIC

if TYPE_CHECKING:
    from gankit.results.finder import Damaged
    from gankit.results.run_results import RunResults


USUAL = f"{USUAL_METRIC}, or else the first that every stage has"
"""Which metric is shown if none is named."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and suggests the nearest option or command for an unknown one."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})  # pyright: ignore[reportArgumentType]

    def parse_known_args(self, args=None, namespace=None):  # pyright: ignore
        """As argparse does, but what is left over is an error here, where its neighbours are known."""
        arguments, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            hint = did_you_mean(unknown[0].partition("=")[0], options)
            self.error(f"unknown argument {unknown[0]!r}.{hint}", hint)
        return arguments, unknown

    def error(self, message: str, hint: str = "") -> NoReturn:
        """As argparse does, in as many characters as a person reads; programs are told it with its hint."""
        said = printable(shortened(message, LONGEST_MESSAGE))
        try:
            super().error(said)
        except SystemExit:
            raise Misused(said, hint) from None


def add_experiment_options(parser: argparse.ArgumentParser) -> None:
    """Add what names an experiment: `file`, `set` and `plugin`, as load_experiment takes them."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the experiment's YAML file")
    add_set_option(parser, "change one option, such as training.batch=16; may be repeated")
    add_plugin_option(parser)
    add_no_run_plugins_option(parser)


def add_set_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add `set`, a list of changes of the form a.b=value; `text` is its help."""
    completed_by(parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help=text), settings)


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


def add_no_run_plugins_option(parser: argparse.ArgumentParser) -> None:
    """Add `no_run_plugins`, and say at the end of the help what it is for."""
    parser.epilog = (
        "Plugin files that an experiment or a run's folder lists are code, and executed; each is named before. "
        "Look at them first if they are not your own."
    )
    text = "execute no plugin file but those named with --plugin (the variable GANKIT_NO_RUN_PLUGINS=1 does the same)"
    parser.add_argument("--no-run-plugins", action="store_true", help=text)


def add_which_option(parser: argparse.ArgumentParser) -> None:
    """Add `which`, the generator of a run that is meant."""
    text = (
        "average, the averaged generator (the default); current, the trained one itself as the last update left it; or "
        "the name of one of training.averages"
    )
    completed_by(parser.add_argument("--which", metavar="NAME", default="average", help=text), generators)


def add_no_rehearsal_option(parser: argparse.ArgumentParser) -> None:
    """Add `no_rehearsal`."""
    text = "train at once: do not first try each stage, loss, penalty and metric on a few images, which takes a moment"
    parser.add_argument("--no-rehearsal", action="store_true", help=text)


def add_profile_option(parser: argparse.ArgumentParser) -> None:
    """Add `profile`."""
    text = (
        "tell at the end of each stage where the time of an iteration went, by part of the experiment; tables and "
        "traces are kept in the run's folder"
    )
    parser.add_argument("--profile", action="store_true", help=text)


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which runs are compared and how: `places`, `metric`, `baseline` and `holm`."""
    parser.add_argument("places", type=Path, nargs="+", metavar="PLACE", help="runs, studies, folders above either")
    metric = f"such as is; may be repeated (default: {USUAL})"
    completed_by(parser.add_argument("--metric", action="append", default=[], metavar="NAME", help=metric), numbers)
    parser.add_argument("--baseline", metavar="VARIANT", help="which the others are compared with (default: the first)")
    parser.add_argument("--holm", action="store_true", help="correct verdicts for the number of variants")


def warn_of_damaged(damaged: Sequence[Damaged], runs: Sequence[RunResults]) -> int:
    """Name on standard error the runs that could not be read, and those of `runs` that are not as they were recorded.

    Returns:
        The exit code: 1 if there are any, else 0.
    """
    others = [run for run in runs if run.restored is not None or run.changed is not None]
    for why in (why for run in runs for why in run.damage):
        warn(why)
    for one in damaged:
        warn(str(one))
    return 1 if damaged or others else 0


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


def png_output(path: Path, others: str = "") -> None:
    """Refuse a name that -o gives to a picture.

    Raises:
        UserError: if it does not end in .png, or in one of `others`, which is said after it.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UserError(f"-o: expected a file name that ends in .png{others}, not {path}")


def named_component(kind: str, text: str, option: str) -> Any:
    """The component of a kind that an option names, as YAML would: NAME or {use: NAME, ...}.

    Raises:
        UserError: if there is none, or its options are wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    from gankit.config.yaml.nodes import plain_value
    from gankit.config.yaml.parser import parse
    from gankit.core.registry import registries

    node = parse(text, option, has_lines=False)
    try:
        return TypeAdapter(registries[kind].base).validate_python(None if node is None else plain_value(node))
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        where = ".".join(map(str, error["loc"]))
        raise UserError(f"{option}: {f'{where}: ' if where else ''}{error['msg']}") from None
