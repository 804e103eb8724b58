"""Blocks of code on all pages are of use to readers: experiments are valid, options exist, Python finds its names.

Whole pages are carried out by `tests/end_to_end/test_pages.py` and its neighbours, mostly slow; this holds for all.
"""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from support.blocks import OF_THE_SYSTEM, PAGES, PROGRAMS, ROOT, Block, blocks, commands, typed
from support.command import gankit_here
from support.console import File, steps

from gankit.cli import COMMANDS, add_command
from gankit.cli.contributed import contributed
from gankit.cli.options import Parser

KINDS = {"python", "yaml", "console", "shell", "text"}
NAMED = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@NAMED
def test_each_block_says_what_it_is(page: Path) -> None:
    for block in blocks(page.read_text()):
        assert block.language in KINDS, f"{page}:{block.line}: no code; fence what is only shown by ```text"


@NAMED
def test_experiments_and_parts_of_them_are_valid(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    (tmp_path / "quickstart.yaml").write_bytes((ROOT / "experiments" / "quickstart.yaml").read_bytes())
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    for step in steps(text):
        if isinstance(step, File):
            (tmp_path / step.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / step.path).write_text(step.text)
    for block in blocks(text):
        if block.language == "yaml":
            file = tmp_path / f"line-{block.line}.yaml"
            file.write_text(whole(block.text))
            checked = gankit_here(["validate", file.name], tmp_path)
            assert checked.returncode == 0, f"{page}:{block.line}\n{checked.stdout}{checked.stderr}"


def whole(part: str) -> str:
    """An experiment; what is a part of one is one of the quick start, or of a study of it."""
    if re.search(r"^(extends|name):", part, re.MULTILINE):
        return part
    study = "matrix: {seed: [0, 1]}\n" if re.search(r"^(launcher|variants|exclude):", part, re.MULTILINE) else ""
    return f"extends: quickstart.yaml\n{study}{part}"


@NAMED
def test_python_compiles_and_finds_its_names(page: Path) -> None:
    for block in blocks(page.read_text()):
        if block.language == "python":
            for module, name in names_of_gankit(ast.parse(block.text)):
                assert hasattr(import_module(module), name), f"{page}:{block.line}: {module} has no {name}"


def names_of_gankit(code: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that a piece of Python takes from modules of gankit and its plugins."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module and is_ours(node.module):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gankit":
            yield "gankit", node.attr


def is_ours(module: str) -> bool:
    top = module.partition(".")[0]
    return top == "gankit" or (ROOT / "plugins" / top).is_dir()


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    below = Parser(prog="gankit").add_subparsers()
    for name in COMMANDS:
        add_command(below, name)
    others = contributed(reserved=COMMANDS)
    return {**below.choices, **{name: others.parser_of(name) for name in others.commands}}


@NAMED
def test_commands_have_the_options_that_they_are_shown_with(
    page: Path, parsers: dict[str, argparse.ArgumentParser]
) -> None:
    text = page.read_text()
    own = {*re.findall(r'\badd\("([\w-]+)"', text), "--version", "--help"}  # commands of plugins that the page builds
    for block in blocks(text):
        for line in typed(block):
            program, *_ = line.replace(";", " ").split()
            assert program in PROGRAMS | OF_THE_SYSTEM or re.match(r"\.venv/bin/|\w+=", program), line
            for words in commands(line):
                check(words, parsers, own, f"{page}:{block.line}: {line}")
    for span in re.findall(r"`(gankit [a-z-]+[^`]*)`", text):  # in words commands are shown in part
        _, name, *words = shlex.split(" ".join(span.split()))
        assert name in {*parsers, *own}, span
        below = [*with_those_below(parsers[name])] if name in parsers else []
        known = {option for parser in below for option in parser._option_string_actions}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, f"{page}: {span}"


def with_those_below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def check(words: list[str], parsers: dict[str, argparse.ArgumentParser], own: set[str], where: str) -> None:
    """That a command has the options it is given, and that files and targets of this repository exist."""
    program = next((at for at, word in enumerate(words) if word.rpartition("/")[2] == "gankit"), None)
    if program is not None and "pip" not in words[0]:
        name, *rest = words[program + 1 :]
        assert name in {*parsers, *own}, where
        if name in parsers and "--help" not in rest:
            try:
                parsers[name].parse_args(rest)
            except SystemExit as refused:
                pytest.fail(f"{where}: {getattr(refused, 'message', refused)}")
    for word in words:
        extras = re.match(r"gankit\[(.+)\]$", word)
        assert extras is None or {*extras[1].split(",")} <= EXTRAS, where
        if re.match(r"(tests|experiments|docs)/[^*$]*$", word):
            assert (ROOT / word).exists(), where
    if words[0] == "make":
        assert words[1] in TARGETS, where


EXTRAS = {*tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]}
TARGETS = {*re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}


def test_pages_with_a_console_are_carried_out() -> None:
    carried = (ROOT / "tests" / "end_to_end" / "test_pages.py").read_text()
    for page in PAGES:
        if "```console" in page.read_text():
            assert re.search(rf'"{page.stem}(\.md)?"', carried), page


def kinds(text: str) -> list[str]:
    return [block.language for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("augment: ada", "yaml"),
        ("loss: {use: top-k, of: hinge}", "yaml"),
        ("gankit run file.yaml \\\n      --set loss=hinge", "shell"),
        ("$ gankit runs\nnone", "console"),
        ("import gankit\n\ngankit.load('run')", "python"),
        ("los: hinge", ""),
        ("fid 2.2 at 16x16", ""),
    ],
)
def test_a_block_without_a_fence_is_what_it_holds(text: str, kind: str) -> None:
    indented = "".join(f"    {line}\n" if line else "\n" for line in text.split("\n"))
    assert kinds(f"words\n\n{indented}\nwords\n") == [kind]
    assert kinds(f"words\n\n```{kind}\n{text}\n```\n") == [kind]


def test_what_is_typed_is_read_as_a_shell_does() -> None:
    block = Block(1, "shell", "A=1 gankit run a.yaml > log && gankit runs  # all\n\n# only words\n")
    assert [words for line in typed(block) for words in commands(line)] == [
        ["A=1", "gankit", "run", "a.yaml"],
        ["log"],
        ["gankit", "runs"],
    ]
