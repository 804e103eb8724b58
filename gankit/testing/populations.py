"""Images that metrics are tried on: two sets of reals and generated ones, all of ten kinds, no two alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.data.images import Batch, permutation
from gankit.evaluation.images import Extraction, Features, ImageSet, ImageSource, Need, Samples
from gankit.kinds import Dataset
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.testing.experiments import experiment_with
from gankit.training import randomness

COUNT = 30
"""Images of each set, three of each kind."""
CLASSES = 10
RESOLUTION = 8
"""Of the stage; the final one is twice that."""


@dataclass(frozen=True)
class Compared:
    """What a metric is to measure."""

    generated: Batch
    """At twice the stage's resolution, as all of them."""
    real: Batch
    held_out: Batch
    generator: Generator
    """Which has nothing to do with the generated images."""

    @classmethod
    def drawn(cls, distance: float, seed: int, experiment: Experiment) -> Compared:
        """Images in network range.

        Args:
            distance: How far generated images are from reals: 0, the reals themselves; above, so many parts of noise.
            seed: Decides the images.
            experiment: Whose data set says how many channels there are, and whether there are labels.
        """
        draws, channels = torch.Generator().manual_seed(seed), experiment.data.image_channels()
        kinds = torch.randn(CLASSES, channels, 4, 4, generator=draws)
        classes = torch.arange(COUNT) % CLASSES
        labels = classes if experiment.data.class_count() else None

        def real() -> Tensor:
            shown = F.interpolate(kinds[classes], scale_factor=RESOLUTION // 2, mode="bilinear")
            detail = torch.randn(shown.shape, generator=draws)
            return (0.2 * shown + 0.1 * detail + 0.4 * torch.randn(COUNT, 1, 1, 1, generator=draws)).clamp(-1, 1)

        reals, others, generated = real(), real(), real()
        noise = torch.rand(generated.shape, generator=draws) * 2 - 1
        generated = (generated + distance * noise) / (1 + distance) if distance else reals
        generator = _generator(experiment.data)  # pyright: ignore[reportArgumentType]: digits can be hashed
        return cls(Batch(generated, labels), Batch(reals, labels), Batch(others, labels), generator)

    def by_brightness(self, opposed: bool) -> Compared:
        """The same images, each set in the order of their brightness, generated ones in the opposite if asked for."""
        descending = iter((opposed, False, False))
        return self._changed(lambda images: images.mean((1, 2, 3)).argsort(descending=next(descending), stable=True))

    def shuffled(self, seed: int) -> Compared:
        """The same images, each set in an order of its own."""
        orders = iter(range(3))
        return self._changed(lambda images: torch.from_numpy(permutation(len(images), seed, next(orders)).copy()))

    def samples(self, keep: frozenset[Need]) -> Samples:
        """The images as a metric gets them that has named `keep` as its needs."""
        extraction = Extraction(_extract, {}, keep)

        def seen(batch: Batch, full: bool = False) -> ImageSet:
            images = batch.images if full else F.avg_pool2d(batch.images, 2)

            def batches() -> Iterator[Batch]:
                yield Batch(images, batch.labels)

            return ImageSet(ImageSource(len(images), images.shape[2], batches), extraction)

        real = seen(self.real)
        return Samples(
            seen(self.generated), real, seen(self.real, full=True), seen(self.held_out), real, self.generator
        )

    def _changed(self, order_of: Callable[[Tensor], Tensor]) -> Compared:
        def changed(batch: Batch) -> Batch:
            order = order_of(batch.images)
            return Batch(batch.images[order], None if batch.labels is None else batch.labels[order])

        return replace(
            self, generated=changed(self.generated), real=changed(self.real), held_out=changed(self.held_out)
        )


def _extract(images: Tensor) -> Features:
    """Six features and ten logits, which are mixtures of colours here and there; far fewer than there are images."""
    small = F.adaptive_avg_pool2d(images.float(), 4).flatten(1) / 64
    draws = torch.Generator().manual_seed(0)
    features = small @ torch.randn(small.shape[1], 6, generator=draws)
    return Features(features, features @ torch.randn(6, CLASSES, generator=draws))


@cache
def _generator(data: Dataset) -> Generator:
    """A generator for `data` as it is before training, in eval mode."""
    experiment = experiment_with(data)
    with randomness.untouched():
        randomness.seed("a generator to measure")
        generator = Generator(experiment.generator, ImageShape.of(experiment))
    generator.grow(RESOLUTION, 1.0)
    return generator.eval().requires_grad_(False)
