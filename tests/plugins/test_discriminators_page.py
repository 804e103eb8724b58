"""What docs/discriminators.md shows is valid as it stands there, and so are the experiments that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.tiny import tiny

from gankit.config.checks import problems
from gankit.config.loader import load_experiment

ROOT = Path(__file__).parents[2]
BLOCKS = [
    block
    for block in re.findall(
        r"(?:^    .*\n|^\n(?=    ))+", (ROOT / "docs" / "discriminators.md").read_text(), re.MULTILINE
    )
    if re.match(r"\s*(critics|discriminator|evaluation):", block)
]


def test_there_are_such() -> None:
    assert len(BLOCKS) == 7


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_shows_is_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "shown.yaml"
    shown = "\n".join(line.removeprefix("    ") for line in block.splitlines())
    file.write_text(f"extends: {ROOT / 'experiments' / 'quickstart.yaml'}\n{shown}\n")
    experiment = load_experiment(file, check=False)
    assert problems(experiment) == []


@pytest.mark.parametrize("name", ["plain", "projected"])
def test_experiments_are_valid(name: str) -> None:
    tiny()
    experiment = load_experiment(ROOT / "experiments" / "emoji" / f"{name}.yaml", check=False)
    assert problems(experiment) == []
