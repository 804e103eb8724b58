"""gankit completion."""

from __future__ import annotations

import argparse
import os

from gankit.cli import COMMANDS, add_command
from gankit.cli.options import Parser

EPILOG = """To have it in every shell, add to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish:
eval "$(gankit completion bash)", eval "$(gankit completion zsh)" or gankit completion fish | source."""


def add_completion_options(parser: argparse.ArgumentParser) -> None:
    """Add the shell."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def completion_command(arguments: argparse.Namespace) -> int:
    """What a shell needs to complete gankit's commands, options and components."""
    from argcomplete.shell_integration import shellcode

    script = shellcode(["gankit"], shell=arguments.shell)
    if arguments.json:
        from gankit.cli.answers.experiments import CompletionAnswer

        arguments.answer(CompletionAnswer(shell=arguments.shell, script=script))
    else:
        print(script)
    return 0


def complete() -> None:
    """Tell the shell how the line that is being typed can go on, as such a script asks; ends the process."""
    from argcomplete import autocomplete
    from argcomplete.lexers import split_line

    *_, words, _ = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))
    parser = Parser(prog="gankit")
    subparsers = parser.add_subparsers()
    named = words[1] if len(words) > 1 else ""
    for name in [named] if named in COMMANDS else COMMANDS:
        add_command(subparsers, name)
    if named not in COMMANDS:
        from gankit.cli.contributed import contributed

        for name, (command, *_) in contributed(reserved=COMMANDS).commands.items():
            subparsers.add_parser(name, help=command.help.replace("%", "%%"))
            subparsers._name_parser_map[name] = command.parser  # pyright: ignore[reportArgumentType]
    autocomplete(parser)
