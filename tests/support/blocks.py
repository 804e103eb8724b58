"""Blocks of code on pages of documentation, each with what it is."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import yaml

from gankit.config.experiment import Experiment

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?:    .*\n|\n+(?=    ))+")
OPTIONS = frozenset({*Experiment.model_fields, "extends", "matrix", "variants", "exclude", "launcher"})
"""What stands at the top of experiments and studies."""
PROGRAMS = frozenset(
    {
        *("aim", "apt-get", "done", "export", "for", "gankit", "make", "npm", "pip", "pytest", "python", "python3"),
        *("ray", "srun", "tensorboard", "torchrun", "trackio"),
    }
)
"""What the pages have their readers type, beside what stands in .venv/bin and assignments."""
OF_THE_SYSTEM = frozenset(
    {"cat", "cd", "cp", "echo", "find", "head", "ls", "mkdir", "sed", "sort", "tail", "tar", "twine"}
)
"""What they type beside that where what it prints is shown, or after it on a line."""


class Block(NamedTuple):
    """A piece of code that a page shows."""

    line: int
    """At which it begins on the page, from 1."""
    language: str
    """python, yaml, console: commands and what they print, shell: commands alone, text: what is only shown."""
    text: str


def blocks(page: str) -> Iterator[Block]:
    """All blocks of a page; what is indented and not fenced is told by what it holds, paragraph by paragraph."""
    for found in FENCED.finditer(page):
        yield Block(page.count("\n", 0, found.start(3)) + 1, found[2], dedent(found[3]))
    rest = FENCED.sub(lambda found: "\n" * found[0].count("\n"), page)
    for found in INDENTED.finditer(rest):
        line, text = rest.count("\n", 0, found.start()) + 1, dedent(found[0])
        if _is_python(text):
            yield Block(line, "python", text)
            continue
        for paragraph in re.finditer(r"(?:.+\n)+", text):
            at = line + text.count("\n", 0, paragraph.start())
            yield Block(at, _language(paragraph[0]), paragraph[0])


def _language(text: str) -> str:
    """What a paragraph is that no fence names; nothing if it is not code."""
    if text.startswith("$ "):
        return "console"
    if all(re.match(rf"\s*({'|'.join(PROGRAMS)})\b|\.venv/bin/|\w+=", line) for line in lines(text)):
        return "shell"
    try:
        top = yaml.safe_load(text)
    except yaml.YAMLError:
        return ""
    return "yaml" if isinstance(top, dict) and OPTIONS & {*top} else ""


def _is_python(text: str) -> bool:
    """Whether a text is Python, and not YAML that happens to read as names with annotations."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return False
    return any(not isinstance(statement, ast.AnnAssign) for statement in body)


def lines(text: str) -> list[str]:
    """The lines of shell of a block, continued ones as one, without comments."""
    joined = text.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.startswith("#")]


def typed(block: Block) -> Iterator[str]:
    """The lines that a reader types of a block of shell or of a console."""
    if block.language == "console":
        yield from re.findall(r"^\$ (.*(?:\\\n.*)*)", block.text, re.MULTILINE)
    elif block.language == "shell":
        yield from lines(block.text)


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of shell, without those that are the shell's own."""
    words: list[str] = []
    for word in [*_words(line), ";"]:
        if set(word) <= set(";&|<>()"):
            if words:
                yield words
            words = []
        elif word not in ("do", "done", "then", "\n"):
            words.append(word)


def _words(line: str) -> list[str]:
    """What a shell makes of a line."""
    lexer = shlex.shlex(re.sub(r" 2>", " >", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    return [*lexer]
