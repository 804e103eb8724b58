"""Parts combine freely: experiments drawn at random from all of them train, or are refused at load with a reason."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from support.combining import KINDS, drawn, parts, refused, try_out

from gankit.core.registry import registries
from gankit.discovery.manager import plugins

SEEDS = range(200)
SYSTEMS = re.sub(r"\s+", " ", (Path(__file__).parents[2] / "docs" / "systems.md").read_text())


@cache
def reasons() -> dict[int, list[str]]:
    """Why each of the draws is refused."""
    plugins.load_installed()
    return {seed: refused(drawn(seed)) for seed in SEEDS}


def test_at_most_one_draw_in_five_is_refused_and_for_reasons_that_are_listed() -> None:
    said = {reason for found in reasons().values() for reason in found}
    assert sum(map(bool, reasons().values())) <= len(SEEDS) / 5
    for reason in said:
        part, _, message = reason.partition(": ")
        assert f"`{part.rpartition('/')[2]}`" in SYSTEMS, reason
        assert message.partition(";")[0] in SYSTEMS, reason


def test_the_draws_that_train_name_every_part() -> None:
    named = set[str]().union(*(parts(drawn(seed)) for seed, found in reasons().items() if not found))
    there = {f"{kind.kind} {entry.full_name}" for kind in KINDS for entry in registries[kind.kind].entries()}
    assert there <= named


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 20 == 0])
def test_a_draw_trains_is_saved_and_goes_on(seed: int, tmp_path: Path) -> None:
    if not reasons()[seed]:
        try_out(drawn(seed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_draw_trains_is_saved_and_goes_on(seed: int, tmp_path: Path) -> None:
    if not reasons()[seed]:
        try_out(drawn(seed), tmp_path)
