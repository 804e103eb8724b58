"""Losses, norms, minibatch stddev and growth combine by --set alone."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pytest
from support.command import QUICKSTART, rows

from gankit.cli import main

LOSSES = {"wgan": ["gradient-penalty"], "non-saturating": [], "saturating": []}
NORMS = {"equalized": "equalized", "[equalized, pixel]": "equalized", "spectral": "spectral"}
STDDEV = [True, False]
GROWTHS = ["{use: progressive, start: 4, final: 16, images: %d}", "{use: fixed, resolution: 16, images: %d}"]
ALL = list(product(LOSSES, NORMS, STDDEV, GROWTHS))
SIX = [ALL[i] for i in (0, 7, 14, 17, 27, 34)]


def train(combination: tuple[str, str, bool, str], images: int, folder: Path, settings: list[str]) -> None:
    """Train `images` images in all and check that every recorded number is finite."""
    loss, norm, stddev, growth = combination
    regularizers = LOSSES[loss] + ["minibatch-stddev"] * stddev
    stages = 3 if "progressive" in growth else 1
    chosen = [
        f"loss={loss}",
        f"generator.norm={norm}",
        f"discriminator.norm={NORMS[norm]}",
        f"regularizers=[{', '.join(regularizers)}]",
        f"growth={growth % math.ceil(images / stages)}",
        "observers=[{use: progress, enabled: false}, {use: guard, enabled: false}]",
        *settings,
    ]
    run = folder / "run"
    command = ["run", str(QUICKSTART), "--out", str(run)]
    assert main(command + [part for setting in chosen for part in ("--set", setting)]) == 0
    recorded = rows(run)
    assert recorded[-1]["images"] >= images
    assert recorded[-1]["resolution"] == 16
    assert {"loss.discriminator", "loss.generator", "fid"} <= {row["name"] for row in recorded}
    assert all(math.isfinite(float(row["value"])) for row in recorded)


NARROW = ["generator.channels=8", "discriminator.channels=8"]


def test_the_six_show_every_choice() -> None:
    for position, choices in enumerate((LOSSES, NORMS, STDDEV, GROWTHS)):
        assert {combination[position] for combination in SIX} == set(choices)


@pytest.mark.parametrize("combination", SIX, ids=str)
def test_six_combinations_train(combination: tuple[str, str, bool, str], tmp_path: Path) -> None:
    train(combination, 192, tmp_path, [*NARROW, "training.batch=16", "evaluation.images=32"])


@pytest.mark.slow
@pytest.mark.parametrize("combination", ALL, ids=str)
def test_all_36_combinations_train_2000_images(combination: tuple[str, str, bool, str], tmp_path: Path) -> None:
    train(combination, 2000, tmp_path, NARROW)
