"""gankit completion: what a shell needs to complete gankit's commands, options and components."""

from __future__ import annotations

import argparse
import os
from importlib import import_module

from gankit.cli.parser import Parser

SHELLS = ("bash", "zsh", "fish")
EPILOG = """To have it in every shell, add to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish:
eval "$(gankit completion bash)", eval "$(gankit completion zsh)" or gankit completion fish | source."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "completion", help="print what a shell needs to complete commands", description=__doc__, epilog=EPILOG
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a script for the shell to evaluate."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["gankit"], shell=arguments.shell))
    return 0


def complete() -> None:
    """Tell the shell how the line that is being typed can go on, as such a script asks; ends the process."""
    from argcomplete import autocomplete
    from argcomplete.lexers import split_line

    point = int(os.environ["COMP_POINT"])
    *_, words, _ = split_line(os.environ["COMP_LINE"], point)
    autocomplete(_parser(words[1] if len(words) > 1 else ""))


def _parser(named: str) -> argparse.ArgumentParser:
    """The parser of the command called `name`, or of all commands if that is none of gankit's own."""
    from gankit.cli import COMMANDS

    parser: argparse.ArgumentParser = Parser(prog="gankit")
    subparsers = parser.add_subparsers()
    for name in [named] if named in COMMANDS else COMMANDS:
        import_module(f"gankit.cli.{name.replace('-', '_')}").add(subparsers)
    if named not in COMMANDS:
        from gankit.cli.contributed import contributed

        for name, (command, *_) in contributed(reserved=COMMANDS).commands.items():
            subparsers.add_parser(name, help=command.help.replace("%", "%%"))
            subparsers._name_parser_map[name] = command.parser  # pyright: ignore[reportArgumentType]
    return parser
