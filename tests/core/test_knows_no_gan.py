"""The core knows no GAN, and reading an experiment needs no torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "gankit"
FILES = sorted(CORE.rglob("*.py"))
NAMES = re.compile(
    r"pg-?gan|wgan|wasserstein|style-?gan|hinge|dc-?gan|sn-?gan|sa-?gan|ls-?gan|dragan|r3gan|big-?gan|ac-?gan|"
    r"non-?saturating|minibatch.?(stddev|discrimination)|gradient.penalty",
    re.IGNORECASE,
)
"""Names of papers, losses and regularizers."""


def ids(file: Path) -> str:
    return file.relative_to(CORE).as_posix()


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_paper_loss_or_network_of_a_paper_is_named(file: Path) -> None:
    named = [(number, line) for number, line in enumerate(file.read_text().splitlines(), 1) if NAMES.search(line)]
    assert not named


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_plugin_is_imported(file: Path) -> None:
    imported = [
        name
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    assert not [name for name in imported if name.startswith("gankit_")]


def test_the_words_searched_for_are_found_where_they_belong() -> None:
    plugins = CORE.parent / "plugins"
    assert NAMES.search((plugins / "gankit_wgan" / "losses.py").read_text())
    assert NAMES.search((plugins / "gankit_pggan" / "__init__.py").read_text())


def test_what_a_plugin_author_imports_needs_no_torch() -> None:
    modules = [
        "gankit",
        "gankit.config.experiment",
        "gankit.config.loader",
        "gankit.discovery.manager",
        "gankit.config.schema",
        "gankit.config.explain",
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
