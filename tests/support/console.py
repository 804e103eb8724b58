"""Pages of documentation, carried out as a reader would."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = r"-?\d+(\.\d+)?(e-?\d+)?"


class File(NamedTuple):
    """A file that the reader saves, as its first line says."""

    path: str
    text: str


class Command(NamedTuple):
    """A command that the reader types, and what it prints."""

    line: str
    shown: list[str]


def steps(page: str) -> Iterator[File | Command]:
    """What a page has its reader do, in order; blocks of code whose first line names no file are only shown."""
    for language, text in BLOCK.findall(page):
        if language == "console":
            for typed in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                line, *shown = typed.rstrip("\n").split("\n")
                yield Command(line, shown)
        elif named := re.match(r"# (\S+\.\w+)\n", text):
            yield File(named[1], text)


Run = Callable[[str, Path], subprocess.CompletedProcess[str]]
"""Carries out a line of bash in a folder; what it prints, also to stderr, is in `stdout`."""


def carry_out(page: str, folder: Path, run: Run) -> None:
    """Do all that a page says, in `folder`, and compare what is printed with what it shows.

    Raises:
        AssertionError: at the first command that prints something else.
    """
    current = folder
    for step in steps(page):
        if isinstance(step, File):
            (folder / step.path).write_text(step.text)
        elif step.line.startswith("cd "):
            current = current / step.line.removeprefix("cd ")
        else:
            done = run(step.line, current)
            shows_something = any(line.strip() != "..." for line in step.shown)
            assert done.returncode == 0 or shows_something, f"$ {step.line}\n{done.stdout}"
            assert matches(done.stdout, step.shown), f"$ {step.line}\n{done.stdout}"


def matches(printed: str, shown: list[str]) -> bool:
    """Whether a text is what is shown of it: `...` stands for anything, a number with a point for any number."""
    lines = [line.rstrip() for line in printed.strip("\n").split("\n")] if printed.strip() else []
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else f"{_line(line)}\n" for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _line(line: str) -> str:
    """One line; runs of blanks are as wide as numbers have them."""
    parts = re.split(r"(\.\.\.|\d+\.\d+| +)", line.rstrip())
    return "".join(map(_sign, parts))


def _sign(part: str) -> str:
    if part == "...":
        return ".*"
    if re.fullmatch(r"\d+\.\d+", part):
        return NUMBER
    return " +" if part and not part.strip() else re.escape(part)
