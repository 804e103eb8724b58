"""docs/architecture.md against the code: the files that it names exist, and hold what it says they hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?:gankit|plugins)/[\w/]+\.py)`", PAGE)))
NAMED = re.findall(r"`((?:gankit|plugins)/[\w/]+\.py)`(?:\s+\(|,\s+)((?:`\w+`(?:,\s+)?)+)", PAGE)
"""Files, each with the names that stand after it in brackets or after a comma."""


@pytest.mark.parametrize("file", FILES)
def test_files_exist(file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(("file", "names"), NAMED, ids=[f"{file}-{names}" for file, names in NAMED])
def test_files_define_what_they_are_named_for(file: str, names: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert set(re.findall(r"\w+", names)) <= defined


def test_every_package_has_its_line_in_the_picture() -> None:
    picture = PAGE.partition("```text")[2].partition("```")[0]
    packages = {path.parent.name for path in (ROOT / "gankit").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"\w+", picture))
    assert len(FILES) > 30
    assert len(NAMED) > 25
