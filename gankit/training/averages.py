"""Averaged generators: copies of the one that is trained, whose weights follow its own."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from gankit.config.experiment import GeneratorName
from gankit.core.progress import Progress
from gankit.kinds import WeightAverage
from gankit.networks.generator import Generator
from gankit.training.batch_norm import NormStatistics, estimate_statistics


def weights_name(which: GeneratorName) -> str:
    """What a checkpoint calls the weights of a generator."""
    return {"average": "average", "current": "generator"}.get(which, f"average-{which}")


class AveragedGenerator:
    """A generator in eval mode whose weights follow those of the one that is trained, as an average says."""

    def __init__(
        self, name: GeneratorName, average: WeightAverage, trained: Generator, seed: int, labels: Tensor | None
    ) -> None:
        """Begin as a copy of the trained generator.

        Args:
            name: What the experiment calls it.
            average: How it follows.
            trained: The generator that it follows.
            seed: Decides on which latents the statistics of batch norms are estimated.
            labels: Labels of the reals, int64 [N]; None without classes.
        """
        self.average, self._trained, self._seed, self._labels = average, trained, seed, labels
        self.generator = copy.deepcopy(trained).eval().requires_grad_(False)
        """It with batch norms as its last move left them; see `measured`."""
        self._path = "training.average" if name == "average" else f"training.averages.{name}"
        self._statistics = NormStatistics(self.generator), NormStatistics(trained)
        self._estimated = False

    @torch.no_grad()
    def move(self, progress: Progress, batch: int, memory: Callable[[str], dict[str, Tensor]]) -> None:
        """Follow the generator after an update of the discriminator.

        Buffers are copied, but for the statistics of batch norms if these are to be averaged too.

        Args:
            progress: Where the run stood before that update.
            batch: Reals that it showed.
            memory: What is remembered, by where the experiment names it.
        """
        generator = self.to_change()
        self.average.move(generator, self._trained, progress, batch, memory(self._path))
        averaged: set[int] = set()
        if self.average.statistics == "average":
            self.average.move(*self._statistics, progress, batch, memory(f"{self._path}.statistics"))
            averaged = {id(statistic) for statistic in self._statistics[0].parameters()}
        for kept, buffer in zip(generator.buffers(), self._trained.buffers(), strict=True):
            if id(kept) not in averaged:
                kept.copy_(buffer)

    def to_change(self) -> Generator:
        """It, for its weights or its resolution to be changed: what its batch norms were estimated on is no more."""
        self._estimated = False
        return self.generator

    def measured(self) -> Generator:
        """It as it is measured, sampled and saved: with batch norms as its average has them."""
        if self.average.statistics == "estimate" and not self._estimated:
            estimate_statistics(self.generator, self._seed, self.generator.alpha.device, self._labels)
            self._estimated = True
        return self.generator
