"""FIDs of trainings that `make peer-quality` compares, and their table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rows import markdown

HEADINGS = ("code", "equal", "learning rate", "generator", "images", "CPU seconds", "FID of each seed", "median FID")


@dataclass(frozen=True)
class Measured:
    """A generator of a finished training."""

    code: str
    budget: str
    """What is equal to gankit's: images or seconds."""
    rate: float
    generator: str
    """average, as its code averages; current, the one that was trained; half-life, averaged as gankit does."""
    seed: int
    images: int
    stages: list[float]
    """Processor seconds of each resolution's training."""
    fid: float
    protocol: dict[str, Any]


def read(file: Path) -> list[Measured]:
    """What a file of lines of JSON has kept."""
    return [Measured(**json.loads(line)) for line in file.read_text().splitlines()]


def medians(found: Iterable[Measured]) -> list[list[Measured]]:
    """What differs in nothing but the seed, together."""

    def alike(each: Measured) -> tuple[Any, ...]:
        return each.code, each.budget, each.rate, each.generator

    return [[*group] for _, group in groupby(sorted(found, key=lambda each: (*alike(each), each.seed)), alike)]


def table(found: Iterable[Measured]) -> str:
    """One row for all seeds of what is alike."""
    return markdown(HEADINGS, [cells(group) for group in medians(found)])


def cells(group: list[Measured]) -> list[str]:
    first, fids = group[0], [each.fid for each in group]
    return [
        first.code,
        first.budget,
        f"{first.rate:g}",
        first.generator,
        f"{median(each.images for each in group):,.0f}",
        f"{median(sum(each.stages) for each in group):.0f}",
        ", ".join(f"{fid:.2f}" for fid in fids),
        f"{median(fids):.2f}",
    ]
