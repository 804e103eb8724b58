"""The gankit command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from typing import NoReturn

from gankit.errors import Interrupted, RunError, UserError
from gankit.options import did_you_mean
from gankit.reading.marks import LONGEST_MESSAGE, printable, shortened

COMMANDS = ("run", "resume", "validate", "compare", "evaluate", "sample", "plugins", "explain", "schema", "init")
"""The commands in the order in which help lists them: each is the module of that name in this package."""

MOST_ARGUMENTS = 1000
"""Arguments of one command; argparse takes seconds for thousands."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and suggests the nearest option or command for an unknown one."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})  # pyright: ignore[reportArgumentType]

    def parse_known_args(self, args=None, namespace=None):  # pyright: ignore
        """As argparse does, but what is left over is an error here, where its neighbours are known."""
        arguments, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            self.error(f"unknown argument {unknown[0]!r}.{did_you_mean(unknown[0].partition('=')[0], options)}")
        return arguments, unknown

    def error(self, message: str) -> NoReturn:
        """As argparse does, in as many characters as a person reads."""
        super().error(printable(shortened(message, LONGEST_MESSAGE)))


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Returns:
        The exit code: 0 if all went well, 1 if a run could not go on, 2 after a mistake of the user, 130 or 143 when
        interrupted or terminated.
    """
    argv = sys.argv[1:] if argv is None else argv
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does what an encoding has no letters for
    try:
        arguments = _parser(argv).parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except RunError as reason:
        print(f"gankit: {reason}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        return interruption.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that `argv` names, or of all commands if it names none."""
    available = [name for name in COMMANDS if find_spec(f"{__name__}.{name}")]
    parser = Parser(prog="gankit", description="Compose GAN experiments in YAML, train and compare them.")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    parser.set_defaults(run=lambda arguments: parser.error(f"name a command: {', '.join(available)}"))
    if len(argv) > MOST_ARGUMENTS:
        parser.error(f"more than {MOST_ARGUMENTS:,} arguments")
    named = argv[0] if argv else ""
    if named and not named.startswith("-") and named not in available:
        parser.error(f"there is no command {named!r}.{did_you_mean(named, available)}")
    for name in [named] if named in available else available:
        import_module(f"{__name__}.{name}").add(subparsers)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"gankit {version('gankit')}")
        parser.exit()
