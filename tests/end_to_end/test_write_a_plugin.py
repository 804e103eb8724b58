"""The page on writing a plugin, carried out step by step."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.console import Command, File, carry_out, matches, steps
from support.environments import Environment

PAGE = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"


@pytest.mark.slow
def test_everything_on_the_page_is_so(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    folder = tmp_path / "reader"
    folder.mkdir()
    carry_out(PAGE.read_text(), folder, environment)


def test_its_steps_are_read() -> None:
    found = list(steps(PAGE.read_text()))
    assert [step.path for step in found if isinstance(step, File)][:2] == ["my_loss.py", "mine.yaml"]
    assert sum(isinstance(step, Command) for step in found) > 10


@pytest.mark.parametrize(
    ("printed", "shown", "right"),
    [
        ("a\nb\n", ["a", "b"], True),
        ("a\nb\nc\n", ["a", "..."], True),
        ("a\nb\nc\n", ["...", "c"], True),
        ("a\nb\nc\n", ["a", "...", "c"], True),
        ("a\nc\n", ["a", "...", "c"], True),
        ("a\n", ["a", "..."], True),
        ("fid  3.25e-05 of it\n", ["fid 1.5 of ..."], True),
        ("", [], True),
        ("", ["..."], True),
        ("a\nb\n", ["a"], False),
        ("a\nb\n", ["a", "c"], False),
        ("a\nb\n", ["...", "a"], False),
        ("12 images", ["13 images"], False),
        ("oops\n", [], False),
    ],
)
def test_what_is_printed_is_compared_with_what_is_shown(printed: str, shown: list[str], right: bool) -> None:
    assert matches(printed, shown) is right
