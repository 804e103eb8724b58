"""The page of commands, out of their parsers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from in_markdown import MADE, cell

from gankit.cli import COMMANDS, add_command
from gankit.cli.contributed import contributed
from gankit.cli.options import Parser
from gankit.discovery.manager import plugins


def page() -> Iterator[str]:
    """All commands with their arguments and options."""
    yield from ("# Commands", "", MADE, "")
    yield "`gankit COMMAND --help` tells the same of one. How commands end, and what they say to programs, stands in"
    yield "[JSON for programs](json.md#exit-codes)."
    found = [*parsers()]
    yield from ("", "| command | what it does |", "| --- | --- |")
    yield from (f"| [{name}](#gankit-{name}) | {cell(about)} |" for name, about, _ in found)
    for name, _, parser in found:
        yield from _command(f"gankit {name}", parser)


def parsers() -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Each command with its line of help and its parser; of plugins those that come with gankit."""
    subparsers = Parser(prog="gankit").add_subparsers()
    for name, command in COMMANDS.items():
        add_command(subparsers, name)
        yield name, command.help, subparsers.choices[name]
    for name, (command, *_) in contributed(reserved=COMMANDS).commands.items():
        if plugins.source(command.plugin).is_ours:
            yield name, command.help, command.parser


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """One command, and those below it."""
    yield from ("", f"## {name}", "", _sentence((parser.description or "").removeprefix(f"{name}: ")), "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, itself in action.choices.items():
                yield from _command(f"{name} {below}", itself)
        elif not isinstance(action, argparse._HelpAction):
            yield f"- `{_as_typed(action)}`: {_plain(action.help or '', action, parser.prog)}"
    if parser.epilog:
        yield from ("", _sentence(parser.epilog))


def _sentence(text: str) -> str:
    """What is said of a command."""
    said = " ".join(text.split()).replace("%%", "%")
    return said[:1].upper() + said[1:]


def _as_typed(action: argparse.Action) -> str:
    """An argument or option with the words that stand for its values."""
    choices = "|".join(map(str, action.choices)) if action.choices else None
    words = action.metavar or choices or action.dest.upper()
    values = " ".join(words) if isinstance(words, tuple) else str(words)
    if not action.option_strings:
        return f"[{values}]" if action.nargs in ("?", "*") else values
    takes = "" if action.nargs == 0 else f" [{values}]" if action.nargs == "?" else f" {values}"
    return f"{', '.join(action.option_strings)}{takes}"


def _plain(text: str, action: argparse.Action, prog: str) -> str:
    """A text of help with what it names filled in; asterisks and angle brackets are no Markdown."""
    filled = text % {**vars(action), "prog": prog}
    return re.sub(r"([*<_])", r"\\\1", filled)
