"""Both protocols of an experiment, of all generators that it measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gankit.core.progress import Progress
from gankit.data.images import RealImages
from gankit.evaluation.evaluator import Evaluator, ImageSampler
from gankit.evaluation.names import GENERATED, QUICK, suffix_of
from gankit.kinds.callbacks import Row

if TYPE_CHECKING:
    import torch

    from gankit.config.experiment import Experiment, GeneratorName
    from gankit.networks.generator import Generator
    from gankit.training.ranks import Ranks


def named_by_generator(row: Row, which: GeneratorName) -> Row:
    """The number of a generator by the name that it is recorded by; what measures reals alone is everyone's."""
    if which == "average" or (row.protocol or {}).get("of") != GENERATED:
        return row
    return row._replace(name=row.name + suffix_of(which), protocol={**(row.protocol or {}), "generator": which})


def evaluate_generators(
    evaluator: Evaluator, sources: Mapping[GeneratorName, ImageSampler], progress: Progress
) -> list[Row]:
    """The numbers of each generator by the names that they are recorded by, and once what measures reals alone.

    Those of generators with several scales are measured at each, the smallest first.
    """
    rows: dict[tuple[int, str], Row] = {}
    for which, source in sources.items():
        for at in at_scales(source.network, progress):
            for row in evaluator.evaluate(source, at):
                named = named_by_generator(row, which)
                rows.setdefault((named.resolution, named.name), named)
    return [*rows.values()]


def at_scales(network: Generator | None, progress: Progress) -> Iterator[Progress]:
    """Where a run stands, once for each scale that its generator has, which makes images of that scale meanwhile.

    A generator that has grown to a smaller one, one without scales, and what is no generator stay as they are.
    """
    if network is None or network.scales is None or network.resolution < network.scales.resolutions[-1]:
        yield progress
        return
    try:
        for resolution in network.scales.resolutions:
            network.grow(resolution, 1.0)
            yield progress._replace(resolution=resolution)
    finally:
        network.grow(network.scales.resolutions[-1], 1.0)


class EvaluatorPair:
    """Both protocols, which are one if the experiment names no cheaper one."""

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device) -> None:
        """Load what both need.

        Raises:
            UserError: if the extractor's weights or the test part cannot be had.
        """
        self._experiment = experiment
        options, mirrors = experiment.evaluation, experiment.training.mirror
        self._full = Evaluator(options, reals, device, mirrors=mirrors)
        self._quick = (
            None
            if options.quick is None
            else Evaluator(options.quick_protocol(), reals, device, self._full.extractions, mirrors)
        )

    def evaluate(self, sources: Mapping[GeneratorName, ImageSampler], progress: Progress, full: bool) -> list[Row]:
        """The numbers of one evaluation of each generator; see Evaluator.evaluate."""
        if full or self._quick is None:
            return evaluate_generators(self._full, sources, progress)
        return [row._replace(name=row.name + QUICK) for row in evaluate_generators(self._quick, sources, progress)]

    def join(self, ranks: Ranks) -> None:
        """From now on evaluate together with other processes, which call the same and are given the same numbers."""
        for evaluator in filter(None, (self._full, self._quick)):
            evaluator.join(ranks)

    def rehearse(self, generator: Generator) -> None:
        """Ask each metric once about few images; `generator` is any at the final resolution, in eval mode.

        Raises:
            UserError: naming the first that would give no number.
        """
        self._full.rehearse(self._experiment, "evaluation.metrics", generator)
        quick = self._experiment.evaluation.quick
        if self._quick is not None and quick is not None and quick.metrics:
            self._quick.rehearse(self._experiment, "evaluation.quick.metrics", generator)

    def close(self) -> None:
        """Say which metrics failed, and how often."""
        self._full.sum_up()
        if self._quick is not None:
            self._quick.sum_up()
