"""The experiments that docs/discriminators.md names are valid; `tests/core/test_blocks.py` checks what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny import tiny

from gankit.config.checks import problems
from gankit.config.loader import load_experiment

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["plain", "projected"])
def test_experiments_are_valid(name: str) -> None:
    tiny()
    experiment = load_experiment(ROOT / "experiments" / "emoji" / f"{name}.yaml", check=False)
    assert problems(experiment) == []
