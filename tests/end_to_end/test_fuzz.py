"""Whatever an experiment file holds, it is found valid or refused: soon, with a reason, and never with a traceback."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from support.command import gankit
from support.hostile import Outcome, carried_out, check, secluded
from support.mutations import Attempt, attempts, each_oddity
from support.oddities import FILE, lay_out

from gankit.discovery.manager import plugins

MOST_SECONDS = 3.0
"""Of processor time for one file: several times what it takes, for where other work slows the processor."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with all that mutated files extend and load, and with little above it."""
    folder = secluded(tmp_path, monkeypatch)
    lay_out(folder)
    with plugins.restored():
        yield folder


def validated_here(arguments: list[str]) -> Outcome:
    """`gankit validate` in this process."""
    return carried_out(["validate", *arguments])


def validated_as_users_do(arguments: list[str]) -> Outcome:
    """`gankit validate` as an installed command, without the arguments that no shell can pass on."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = gankit(["validate", *filter(can_be_passed, arguments)], Path())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Outcome(done.returncode, done.stdout, done.stderr, seconds)


def can_be_passed(argument: str) -> bool:
    """Whether the system takes `argument` for a command: it is no longer than Linux allows, and it is text."""
    try:
        return "\0" not in argument and len(argument.encode()) < 2**17
    except UnicodeEncodeError:
        return False


def fuzz(validated: Callable[[list[str]], Outcome], examples: int, repeatable: bool) -> Counter[int]:
    """Try so many mutated files, each of which is left in `FILE` if it is the one that fails.

    Returns:
        How many ended with which exit code.
    """
    codes = Counter[int]()
    to_start = validated(["quickstart.yaml"]).seconds  # for what is imported and read once

    @settings(
        max_examples=examples,
        derandomize=repeatable,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(attempts())
    def attempt(attempt: Attempt) -> None:
        Path(FILE).write_bytes(attempt.content)
        outcome = validated([FILE, *attempt.arguments])
        codes[outcome.code] += 1
        check(outcome, MOST_SECONDS if validated is validated_here else MOST_SECONDS + to_start)

    attempt()
    return codes


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_any_odd_thing_alone_is_valid_or_refused(folder: Path, step: int) -> None:
    validated_here(["quickstart.yaml"])
    for content in islice(each_oddity(), 0, None, step):
        Path(FILE).write_bytes(content)
        check(validated_here([FILE]), MOST_SECONDS)


FEW_OR_MANY = [
    pytest.param(60, True, id="few"),
    pytest.param(300, True, id="some", marks=pytest.mark.slow),
    pytest.param(10_000, False, id="many", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("examples", "repeatable"), FEW_OR_MANY)
def test_any_file_is_valid_or_refused(folder: Path, examples: int, repeatable: bool) -> None:
    codes = fuzz(validated_here, examples, repeatable)
    assert codes.total() >= examples
    assert codes[0] > examples // 20, "most changes are found by the parser, and nothing behind it is tried"
    assert codes[2] > examples // 2, "what is changed does not matter"


@pytest.mark.parametrize("examples", [1, pytest.param(200, marks=pytest.mark.slow)])
def test_so_it_is_by_the_installed_command(folder: Path, examples: int) -> None:
    codes = fuzz(validated_as_users_do, examples, repeatable=examples < 200)
    assert codes.total() >= examples
