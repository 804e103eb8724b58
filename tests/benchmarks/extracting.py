"""InceptionV3 as evaluations use it, beside torch-fidelity's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.effort import Effort
from benchmarks.rows import Row
from benchmarks.sides import working
from benchmarks.spreads import Spread
from benchmarks.turns import in_turn
from benchmarks.work import Job, Work

GOAL = 1.8
"""Times as fast as torch-fidelity's."""
EQUAL = 1e-4
"""How far features may differ, as a share of their largest."""
IMAGES = 16
"""Extracted in an iteration."""


class Extracting(Work):
    """Features of the same images over and over."""

    def __init__(self, extract: Callable[[Tensor], Tensor]) -> None:
        self._extract = extract
        draw = torch.Generator().manual_seed(0)
        self._images = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=draw).byte()

    @torch.no_grad()
    def iterate(self, number: int) -> None:
        """All of them."""
        self._extract(self._images)

    @torch.no_grad()
    def result(self) -> list[float]:
        """The features of the first."""
        return self._extract(self._images[:1])[0].tolist()


def own(weights: str) -> Work:
    """gankit's extractor, with weights of a file."""
    from gankit_fidelity.pretrained import Inception

    extract = Inception(weights=Path(weights)).load(torch.device("cpu"))
    return Extracting(lambda images: extract(images).pooled)


def theirs(weights: str) -> Work:
    """torch-fidelity's, with the same."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=weights)
    return Extracting(lambda images: network(images)[0])


def measure(effort: Effort) -> Iterator[Row]:
    """Speed, and whether features are equal, with random weights."""
    from support.weights import write_inception

    weights = str(write_inception(effort.folder / "inception.pth"))
    jobs = [Job(f"benchmarks.extracting:{name}", {"weights": weights}) for name in ("own", "theirs")]
    yield Row("InceptionV3 over torch-fidelity's", in_turn(jobs, effort).ratio(1, 0), GOAL)
    with working(*jobs) as sides:
        ours, others = (torch.tensor(side.ask("result")) for side in sides)
    apart = float((ours - others).abs().max() / others.abs().max())
    yield Row("its features, largest difference of the largest", Spread.of([[apart]]), EQUAL, "lower")
