"""Texts as people are shown them, those of others without what would upset a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONGEST_MESSAGE = 500
"""Characters that are shown of what is wrong."""
LONGEST_LIST = 200
"""Characters of a list of classes in a message."""
LONGEST_LINE = 1000
"""Characters that are shown of one line of a message, which may name a path or an option of any length."""


def first_of(items: Iterable[str], most: int) -> str:
    """The first of some items with commas between, each as it can be printed on a line, and whether there are more."""
    named = list(map(printable, items))
    return ", ".join(named[:most]) + (", ..." if len(named) > most else "")


def shortened(text: str, most: int) -> str:
    """`text`, without its middle if it is longer than `most` characters."""
    half = (most - len(" ... ")) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


def listed(names: Sequence[str]) -> str:
    """Classes with their numbers, on a line: 0=ant, 1=bee."""
    return shortened(", ".join(f"{number}={name}" for number, name in enumerate(names)), LONGEST_LIST)


def names_in_short(names: Sequence[str]) -> str:
    """Attributes in their order, on a line: slant, thickness."""
    return shortened(", ".join(map(printable, names)), LONGEST_LIST)


def printable(line: str) -> str:
    """`line` without what would upset a terminal: control characters and halves of characters."""
    if line.isprintable():
        return line
    return "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in line)


def printable_lines(text: str) -> str:
    """`text` without what would upset a terminal, its newlines kept."""
    return "\n".join(map(printable, text.split("\n")))


def readable_lines(message: str) -> str:
    """`message` without what would upset a terminal, each of its lines cut short."""
    return "\n".join(printable(shortened(line, LONGEST_LINE)) for line in message.split("\n"))
