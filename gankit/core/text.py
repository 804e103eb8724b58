"""Text of others as a terminal can show it."""

from __future__ import annotations


def printable(line: str) -> str:
    """`line` without what would upset a terminal: control characters and halves of characters."""
    if line.isprintable():
        return line
    return "".join(character if character.isprintable() or character == "\t" else "\ufffd" for character in line)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, whose newlines stay."""
    return "\n".join(map(printable, text.split("\n")))
