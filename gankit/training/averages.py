"""Averaged generators: copies of the one that is trained, whose weights follow its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from gankit.config.evaluation import GeneratorName
from gankit.core.progress import Progress
from gankit.kinds import WeightAverage
from gankit.networks.generator import Generator
from gankit.training.batch_norm import NormStatistics, batch_norms, estimate_statistics


def weights_name(which: GeneratorName) -> str:
    """What a checkpoint calls the weights of a generator."""
    return {"average": "average", "current": "generator"}.get(which, f"average-{which}")


class Weights(nn.Module):
    """Some parameters of a network, in a list: to find them each time by a walk through its modules takes longer."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self._found = [*parameters]  # in a list, so that they are not registered

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters themselves, to be changed in place."""
        return ((f"{prefix}{number}", parameter) for number, parameter in enumerate(self._found))


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
            labels: Labels of the reals, their classes or vectors; None without.
        """
        self.average, self._trained, self._seed, self._labels = average, trained, seed, labels
        self.generator = copy.deepcopy(trained).eval().requires_grad_(False)
        """It with batch norms as its last move left them; see `measured`."""
        self._path = "training.average" if name == "average" else f"training.averages.{name}"
        self._statistics = NormStatistics(self.generator), NormStatistics(trained)
        self._weights: dict[int, tuple[Weights, Weights]] = {}
        modules = zip(self.generator.modules(), trained.modules(), strict=True)
        self._with_buffers = [(own, its) for own, its in modules if any(True for _ in its.buffers(recurse=False))]
        self._estimated = False

    @torch.no_grad()
    def move(self, progress: Progress, batch: int, memory: Callable[[str], dict[str, Tensor]]) -> None:
        """Follow the generator after an update of the discriminator, as far as its parts have taken part.

        Buffers are copied, but for the statistics of batch norms if these are to be averaged too.

        Args:
            progress: Where the run stood before that update.
            batch: Reals that it showed.
            memory: What is remembered, by where the experiment names it.
        """
        self._estimated = False
        self.average.move(*self._in_force(), progress, batch, memory(self._path))
        averaged: set[int] = set()
        if self.average.statistics == "average":
            self.average.move(*self._statistics, progress, batch, memory(f"{self._path}.statistics"))
            averaged = {id(statistic) for statistic in self._statistics[0].parameters()}
        for own, its in self._with_buffers:
            for kept, buffer in zip(own.buffers(recurse=False), its.buffers(recurse=False), strict=True):
                if id(kept) not in averaged:
                    kept.copy_(buffer)

    def snapshot(self) -> dict[str, Tensor]:
        """Its state_dict as the last move left it, whatever was measured since.

        Batch norms whose statistics are estimated have those of the trained generator.
        """
        state = self.generator.state_dict()
        if self.average.statistics == "estimate":
            norms = {*batch_norms(self._trained)}
            named = ((name, module) for name, module in self._trained.named_modules() if module in norms)
            state |= {f"{name}.{key}": buffer for name, norm in named for key, buffer in norm.named_buffers()}
        return state

    def _in_force(self) -> tuple[Weights, Weights]:
        """Its weights and the trained generator's that can differ: those of later resolutions are as both began."""
        resolution = self._trained.resolution
        if resolution not in self._weights:
            own, its = self.generator.parameters_in_force(), self._trained.parameters_in_force()
            self._weights = {resolution: (Weights(own), Weights(its))}
        return self._weights[resolution]

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
