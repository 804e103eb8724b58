"""The gankit command."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from gankit.cli.parser import Parser
from gankit.core.errors import ComponentError, Interrupted, RunError, UserError
from gankit.core.options import did_you_mean

COMMANDS = (
    "run",
    "resume",
    "validate",
    "expand",
    "compare",
    "report",
    "runs",
    "evaluate",
    "sample",
    "plugins",
    "explain",
    "schema",
    "init",
    "new-plugin",
    "completion",
)
"""The commands in the order in which help lists them: each is the module of that name in this package, with `_`."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What is said by a disk that takes no more."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Returns:
        The exit code: 0 if all went well, 1 if a run could not go on or be read or the disk is full, 2 after a mistake
        of the user, 130 or 143 when interrupted or terminated.
    """
    if "_ARGCOMPLETE" in os.environ:
        import_module(f"{__name__}.completion").complete()
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does what an encoding has no letters for
    try:
        try:
            arguments = _parsed(argv)
            code = arguments.run(arguments)
        finally:
            sys.stdout.flush()
    except UserError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    except RunError as reason:
        if isinstance(reason, ComponentError):
            print(reason.traceback, file=sys.stderr)
        print(f"gankit: {reason}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        return interruption.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has had enough
        _print_no_more()
        return 141
    except OSError as failure:
        if failure.errno not in FULL:
            raise
        _print_no_more()
        print(f"gankit: cannot write {failure.filename or 'the output'}: {failure.strerror}", file=sys.stderr)
        return 1
    return code


def _print_no_more() -> None:
    """Let what is still to be printed go nowhere, or Python complains of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """What `argv` says, read by the parser of the command that it names; plugins are loaded only for their commands."""
    parser = Parser(prog="gankit", description="Compose GAN experiments in YAML, train and compare them.")
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    named = argv[0] if argv else ""
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in [named] if named in COMMANDS else COMMANDS:
        import_module(f"{__name__}.{name.replace('-', '_')}").add(subparsers)
    if named in COMMANDS or (named.startswith("-") and named not in ("-h", "--help")):
        return parser.parse_args(argv)

    from gankit.cli.contributed import contributed

    others = contributed(reserved=COMMANDS)
    if named in others.commands:
        return others.parser_of(named).parse_args(argv[1:])
    names = [*COMMANDS, *others.commands]
    if named and not named.startswith("-"):
        parser.error(f"there is no command {named!r}.{did_you_mean(named, names)}{others.complaint()}")
    for name, (command, *_) in others.commands.items():
        subparsers.add_parser(name, help=command.help.replace("%", "%%"))
    parser.epilog = others.complaint() or None
    parser.set_defaults(run=lambda arguments: _say_what_there_is(parser))
    return parser.parse_args(argv)


def _say_what_there_is(parser: Parser) -> int:
    """Print the help as what was missing; as after every mistake, the exit code is 2."""
    parser.print_help(sys.stderr)
    return 2


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"gankit {version('gankit')}")
        parser.exit()
