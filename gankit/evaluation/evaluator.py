"""Measures generated images: every metric of an experiment, its noise floor, and the protocol of each number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit.component import as_options
from gankit.data import RealImages, images_at_a_time, permutation
from gankit.evaluation.samples import Extraction, ImageSource, Need, Population, Samples
from gankit.observing import Progress, Row
from gankit.tallying import Tally

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gankit.config import Experiment
    from gankit.kinds import Metric

WHICH_REALS = 1
"""Names the draw of reals among all draws that depend on a seed."""


class Split(NamedTuple):
    """Which reals take part, as positions in the data set."""

    reference: np.ndarray
    """What generated images are compared with."""
    held_out: np.ndarray
    """What stands in for generated images in floors and yardsticks."""
    beside: np.ndarray
    """What the held-out are compared with: as many, and none of them the same."""


class Number(NamedTuple):
    """A metric's number and how it was come by."""

    value: float
    protocol: dict[str, Any]


class Evaluator:
    """Carries out an experiment's metrics.

    Reals are seen once a resolution, generated images once an evaluation. What depends on reals alone, floors and
    yardsticks, is computed once a resolution.
    """

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device) -> None:
        """Load the extractor, if there is anything to measure.

        Raises:
            UserError: if the extractor's weights cannot be had.
        """
        self._options, self._reals, self._device = experiment.evaluation, reals, device
        self._split = split(reals.count, self._options.images, self._options.seed)
        self._populations: dict[tuple[str, int], Population] = {}
        self._known: dict[tuple[int, int], dict[str, Number]] = {}
        self._tallies = [Tally(f"metric {as_options(metric)['use']}") for metric in self._options.metrics]
        if self._options.metrics:
            self._extraction = self._loaded()

    def evaluate(self, generate: Callable[[int, int], Tensor], progress: Progress) -> list[Row]:
        """Every metric at the resolution in force, each followed by its floor if it has one.

        Floors and yardsticks are left out if there are not two reals to compare. Torch's random numbers are left as
        they were.

        Args:
            generate: From (first, count) to the images number `first` to `first` + `count` - 1 in network range,
                [count, channels, H, W]; asked for each of `evaluation.images` images once.
            progress: Where the run stands.

        A metric that fails is reported once, counted, and left out.
        """
        if not self._options.metrics:
            return []
        from gankit.training import randomness

        resolution = progress.resolution
        self._forget_all_but(resolution)
        generated = Population(self._generated(generate, resolution), self._extraction)
        numbers: dict[str, Number] = {}
        with randomness.untouched():
            for position, metric in enumerate(self._options.metrics):
                found = self._tallies[position].attempt(
                    lambda position=position, metric=metric: self._numbers(position, metric, generated),
                    f"at {progress.images:,} images",
                )
                numbers |= found or {}
        return [Row(progress.images, progress.stage, resolution, name, *number) for name, number in numbers.items()]

    def sum_up(self) -> None:
        """Say which metrics failed, and how often."""
        for tally in self._tallies:
            tally.sum_up()

    def _numbers(self, position: int, metric: Metric, generated: Population) -> dict[str, Number]:
        """What one metric gives, floors and yardsticks included."""
        numbers: dict[str, Number] = {}
        if not metric.yardstick:
            numbers |= self._measured(metric, self._samples(generated, self._split.reference), "generated")
        if metric.yardstick or metric.has_floor:
            suffix = "" if metric.yardstick else "_floor"
            among_reals = self._among_reals(position, metric, generated.resolution)
            numbers |= {name + suffix: number for name, number in among_reals.items()}
        return numbers

    def _loaded(self) -> Extraction:
        """The experiment's extractor, with all that decides what it gives."""
        import torch

        from gankit.training import randomness

        extractor = self._options.extractor
        with randomness.untouched():
            extract = extractor.load(self._device)
        identity = {
            "extractor": extractor.identity(),
            "resize": extractor.resize,
            "device": self._device.type,
            "torch": torch.__version__,
        }
        keep = frozenset[Need]().union(*(metric.needs for metric in self._options.metrics))
        return Extraction(extract, identity, keep)

    def _generated(self, generate: Callable[[int, int], Tensor], resolution: int) -> ImageSource:
        """The images that are to be measured."""

        def batches() -> Iterator[Tensor]:
            for first in range(0, self._options.images, images_at_a_time(resolution)):
                count = min(images_at_a_time(resolution), self._options.images - first)
                images = generate(first, count)
                expected = (count, *self._reals.at(resolution).shape[1:])
                if images.shape != expected:
                    raise ValueError(f"expected generated images {list(expected)}, not {list(images.shape)}")
                yield images

        return ImageSource(self._options.images, resolution, batches)

    def _samples(self, images: Population, reals: np.ndarray) -> Samples:
        """What a metric is given to compare `images` with: reals at the positions `reals`."""
        return Samples(images, self._seen(reals, images.resolution), self._seen(reals, self._reals.final))

    def _seen(self, chosen: np.ndarray, resolution: int) -> Population:
        """The reals at the positions `chosen`, the same object whenever they are asked for."""
        digest = hashlib.blake2b(chosen.tobytes(), digest_size=16).hexdigest()
        if (digest, resolution) not in self._populations:

            def batches() -> Iterator[Tensor]:
                for first in range(0, len(chosen), images_at_a_time(resolution)):
                    some = chosen[first : first + images_at_a_time(resolution)]
                    yield self._reals.take(resolution, some, self._device)

            content = {"data": self._reals.fingerprint, "resolution": resolution, "chosen": digest}
            source = ImageSource(len(chosen), resolution, batches, content)
            self._populations[digest, resolution] = Population(source, self._extraction)
        return self._populations[digest, resolution]

    def _among_reals(self, position: int, metric: Metric, resolution: int) -> dict[str, Number]:
        """The metric between held-out reals and others, computed at the first evaluation of a resolution."""
        if not len(self._split.held_out):
            return {}
        if (position, resolution) not in self._known:
            samples = self._samples(self._seen(self._split.held_out, resolution), self._split.beside)
            self._known[position, resolution] = self._measured(metric, samples, "held-out reals")
        return self._known[position, resolution]

    def _measured(self, metric: Metric, samples: Samples, of: str) -> dict[str, Number]:
        """The metric's numbers, each with its protocol."""
        numbers = metric.evaluate(samples)
        protocol = self._protocol(metric, samples, of)
        return {name: Number(float(value), protocol) for name, value in numbers.items()}

    def _protocol(self, metric: Metric, samples: Samples, of: str) -> dict[str, Any]:
        """All that must be the same for two numbers to be compared, as plain values."""
        return {
            "metric": as_options(metric),
            "version": metric.version,
            "better": "higher" if metric.higher_is_better else "lower",
            "of": of,
            "images": samples.generated.count,
            "resolution": samples.generated.resolution,
            "reals": max((reals.count for reals in samples.compared), default=0),
            "real_resolutions": [reals.resolution for reals in samples.compared],
            "data": self._reals.fingerprint,
            "extractor": self._extraction.identity["extractor"],
            "resize": self._extraction.identity["resize"],
            "seed": self._options.seed,
        }

    def _forget_all_but(self, resolution: int) -> None:
        """Free what was seen at resolutions that are over; the reals of the last are compared with to the end."""
        needed = (resolution, self._reals.final)
        self._populations = {key: population for key, population in self._populations.items() if key[1] in needed}


def split(reals: int, images: int, seed: int) -> Split:
    """Draw the reals to compare with, and others to hold against them.

    The reference are `images` reals, or all if there are fewer. As many of the others are held out; if there are not
    so many, the held-out and what they are compared with are two halves of all reals, `images` each at most.
    """
    order = permutation(reals, seed, WHICH_REALS, 0)
    size = min(images, reals)
    reference = order[:size]
    if reals - size >= size:
        return Split(reference, order[size : 2 * size], beside=reference)
    half = min(images, reals // 2)
    return Split(reference, order[half : 2 * half], beside=order[:half])
