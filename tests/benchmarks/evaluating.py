"""What an evaluation sees again of what one before it has seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.effort import Effort
from benchmarks.parts import Counting
from benchmarks.rows import Row
from benchmarks.sides import working
from benchmarks.spreads import Spread
from benchmarks.training import experiment
from benchmarks.work import Job, Work
from gankit.core.progress import Stage, progress_in
from gankit.data.images import Batch, RealImages
from gankit.evaluation.evaluator import Evaluator

EVALUATED = 32
"""Images of an evaluation."""


class Made:
    """Where the images come from: noise."""

    network = None

    def sample(self, first: int, count: int, seed: int) -> Batch:
        """Images in network range."""
        return Batch(torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(first)) * 2 - 1)


class Evaluating(Work):
    """Evaluations at one resolution, one after the other."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator, self._counts = evaluator, list[float]()

    def iterate(self, number: int) -> None:
        """One evaluation."""
        Counting.seen.clear()
        self._evaluator.evaluate(Made(), progress_in([Stage(8, 64)], 1, 64))
        self._counts.append(sum(Counting.seen))

    def result(self) -> list[float]:
        """How many images each has seen."""
        return self._counts


def evaluating() -> Work:
    """Evaluations by FID."""
    options: dict[str, Any] = {"metrics": ["fid"], "images": EVALUATED, "extractor": "counting"}
    growth = {"use": "fixed", "resolution": 8, "images": 64}
    wanted = experiment("pggan", 8, growth, evaluation=options)
    return Evaluating(Evaluator(wanted.evaluation, RealImages(wanted.data, [8]), torch.device("cpu")))


def measure(effort: Effort) -> Iterator[Row]:
    """The second evaluation at a stage, by its count of images."""
    with working(Job("benchmarks.evaluating:evaluating", {})) as [side]:
        side.ask("iterate", [0, 0])
        _, second = side.ask("result")
    what = "images that a second evaluation at a stage extracts, of those it generates"
    yield Row(what, Spread.of([[second / EVALUATED]]), 1.0, "lower")
