"""gankit resume: go on with a run that was left, exactly as if it had not been."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.options import EXECUTES, add_set_option
from gankit.core.errors import UserError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "resume", help="go on with a run that was left", description=__doc__, epilog=EXECUTES
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    add_set_option(parser, "change an option of observers, evaluation, checkpoints or training.device; may be repeated")
    parser.add_argument(
        "--extend",
        default="0",
        metavar="IMAGES",
        help="train a finished run further at its last resolution, as in 200k",
    )
    parser.add_argument("--strict", action="store_true", help="refuse to go on with other source code of plugins")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Go on from the newest checkpoint that can be read, then print the results."""
    extend = _images(arguments.extend)

    from gankit.results.table import print_results
    from gankit.runs.start import resume

    training = resume(arguments.folder, arguments.set, extend=extend, strict=arguments.strict)
    if training is not None:
        training.train()
    print_results([arguments.folder])
    return 0


def _images(text: str) -> int:
    """A number of images as experiments write them."""
    from pydantic_core import PydanticCustomError

    from gankit.core.options import parse_images

    try:
        return parse_images(int(text) if text.isdecimal() else text)
    except PydanticCustomError as problem:
        raise UserError(f"--extend: {problem.message()}, not {text!r}") from None
