"""The gankit command."""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from gankit.cli.exit_codes import EXIT_CODES, FULL, exit_code_of
from gankit.cli.json_output import add_json_options, speaking_json
from gankit.cli.options import Parser
from gankit.core import __version__
from gankit.core.errors import ComponentError, Interrupted, RunError, UserError
from gankit.core.failures import warn
from gankit.core.options import did_you_mean
from gankit.core.text import printable_lines, readable_lines

if TYPE_CHECKING:
    from gankit.cli.answers.base import Answer


class Command(NamedTuple):
    """One of gankit's own commands, such as `compare`."""

    module: str
    """The module of this package that holds its `compare_command` and, if it has options, `add_compare_options`."""
    help: str
    """Its line in the help of gankit."""


COMMANDS = {
    "run": Command("run", "train and evaluate an experiment or a study"),
    "resume": Command("run", "go on with a run that was left"),
    "validate": Command("experiments", "check an experiment or a study without running it"),
    "expand": Command("experiments", "print all that an experiment says, or the runs of a study"),
    "estimate": Command("estimate", "tell what a run would cost: operations, memory and time by stage"),
    "prepare": Command("data", "decode an experiment's images once, for all that read them later"),
    "data": Command("data", "tell what there is to train on, with a sheet of it"),
    "cache": Command("data", "list or clear what gankit keeps to be faster the next time"),
    "compare": Command("compare", "variants side by side, best first"),
    "leaderboard": Command("leaderboard", "check and rank results that others have sent"),
    "diff": Command("diff", "find where two runs part, and why they may"),
    "track": Command("track", "show runs in a tracker after they were trained"),
    "report": Command("report", "one page to send, with plots and samples"),
    "runs": Command("runs", "list runs with their states"),
    "evaluate": Command("evaluate", "measure runs, checkpoints, folders"),
    "average": Command("average", "choose how long a run's averages reach back, after training"),
    "sample": Command("sample", "draw images from a trained generator"),
    "interpolate": Command("interpolate", "go from image to image of a trained generator, in a film"),
    "mix": Command("mix", "a table of images with styles of two others"),
    "film": Command("film", "film how the images of a run came about, or how a generator grows"),
    "project": Command("project", "find an image again among those that a trained generator makes"),
    "directions": Command("directions", "find ways to change images of a trained generator, and show them"),
    "import": Command("importing", "put weights that the authors of a paper have published into a generator"),
    "export": Command("export", "write a trained generator for others, or for other programs"),
    "plugins": Command("plugins", "list components and where they come from"),
    "explain": Command("experiments", "tell what a component or an option does"),
    "schema": Command("experiments", "print the JSON Schema of experiments"),
    "init": Command("new", "write quickstart.yaml into this folder"),
    "new-plugin": Command("new", "write a package to begin a plugin with"),
    "completion": Command("completion", "print what a shell needs to complete commands"),
}
"""In the order in which help lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Returns:
        The exit code, one of EXIT_CODES.
    """
    if "_ARGCOMPLETE" in os.environ:
        from gankit.cli.completion import complete

        complete()
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does what an encoding has no letters for
    try:
        try:
            with speaking_json(argv) as answer:
                return _carried_out(argv, answer)
        finally:
            sys.stdout.flush()
    except UserError as mistake:
        print(readable_lines(str(mistake)), file=sys.stderr)
        return exit_code_of(mistake)
    except RunError as reason:
        if isinstance(reason, ComponentError):
            print(printable_lines(reason.traceback), file=sys.stderr)
        warn(str(reason))
        return exit_code_of(reason)
    except MemoryError as lack:
        warn(f"memory ran out{f': {lack}' if str(lack) else ''}")
        return exit_code_of(lack)
    except (Interrupted, KeyboardInterrupt) as interruption:
        return exit_code_of(interruption)
    except BrokenPipeError as closed:
        if not any(map(_has_no_reader, (sys.stdout, sys.stderr))):
            raise  # it was another pipe
        _print_no_more()  # whoever read our output has had enough
        return exit_code_of(closed)
    except OSError as failure:
        if failure.errno not in FULL:
            raise
        _print_no_more()
        warn(f"cannot write {failure.filename or 'the output'}: {failure.strerror}")
        return exit_code_of(failure)


def _carried_out(argv: Sequence[str], answer: Callable[[Answer], None]) -> int:
    """Carry out the command, which is given what its arguments say, and as `answer` what it says its result by."""
    arguments = _parsed(argv)
    arguments.typed = argv  # which pictures keep
    arguments.answer, arguments.json = answer, getattr(arguments, "json", False)
    if getattr(arguments, "no_run_plugins", False):
        from gankit.discovery.manager import NO_RUN_PLUGINS

        os.environ[NO_RUN_PLUGINS] = "1"  # for processes that are begun, too
    return arguments.run(arguments)


def _has_no_reader(stream: TextIO) -> bool:
    """Whether a stream goes to a pipe that nobody reads any more."""
    try:
        watched = select.poll()
        watched.register(stream.fileno(), 0)  # of what is reported unasked
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in watched.poll(0))
    except (OSError, ValueError):  # a stream that is closed, or none of the system's
        return False


def _print_no_more() -> None:
    """Let what is still to be printed go nowhere, or Python complains of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """What `argv` says, read by the parser of the command that it names; plugins are loaded only for their commands."""
    parser = Parser(prog="gankit", description="Compose GAN experiments in YAML, train and compare them.")
    said = f"gankit {__version__}"
    parser.add_argument("--version", action="version", version=said, help="print the version and exit")
    named = argv[0] if argv else ""
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    if named in COMMANDS:
        add_command(subparsers, named)
    if named in COMMANDS or (named.startswith("-") and named not in ("-h", "--help")):
        return parser.parse_args(argv)

    from gankit.cli.contributed import contributed

    others = contributed(reserved=COMMANDS)
    if named in others.commands:
        return others.parser_of(named).parse_args(argv[1:])
    helps = {name: command.help for name, command in COMMANDS.items()}
    helps |= {name: command.help.replace("%", "%%") for name, (command, *_) in others.commands.items()}
    if named and not named.startswith("-"):
        hint = did_you_mean(named, helps)
        parser.error(f"there is no command {named!r}.{hint}{others.complaint()}", hint)
    for name, text in helps.items():
        subparsers.add_parser(name, help=text)
    codes = "; ".join(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items())
    parser.epilog = f"Exit codes: {codes}.{others.complaint()}"
    parser.set_defaults(run=lambda arguments: _say_what_there_is(parser))
    return parser.parse_args(argv)


def add_command(subparsers: argparse._SubParsersAction[Any], name: str) -> None:
    """Add one of gankit's own commands; its module is imported, and no other command's."""
    command, function = COMMANDS[name], name.replace("-", "_")
    module = import_module(f"{__name__}.{command.module}")
    run = getattr(module, f"{function}_command")
    does = " ".join((run.__doc__ or command.help).partition("\n\n")[0].split())  # -OO leaves no docstrings
    parser = subparsers.add_parser(name, help=command.help, description=f"gankit {name}: {does[0].lower()}{does[1:]}")
    parser.set_defaults(run=run)
    add_options = getattr(module, f"add_{function}_options", None)
    if add_options is not None:
        add_options(parser)
    add_json_options(parser, lambda: _answers_of(name))


def _answers_of(name: str) -> Any:
    """What one of gankit's own commands answers with --json."""
    from gankit.cli.answers import ANSWERS

    return ANSWERS[name]


def _say_what_there_is(parser: Parser) -> int:
    """Print the help as what was missing; as after every mistake, the exit code is 2."""
    parser.print_help(sys.stderr)
    return 2
