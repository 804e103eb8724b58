"""Components that measure something simple, and count what they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import torch
from support.tiny import CPU, tiny
from torch import Tensor

from gankit import Dataset, Extractor, LabelledImages, Metric
from gankit.core import registry
from gankit.core.progress import Progress, Stage, progress_in
from gankit.data.images import Batch, RealImages
from gankit.discovery.manager import plugins
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.images import Features, Samples


class Levels(Extractor):
    """Mean and deviation of each image, in levels of grey; counts the images that it is shown."""

    version: int = 1

    seen: ClassVar[list[int]] = []

    def identity(self) -> str:
        return f"levels-{self.version}"

    @property
    def resize(self) -> str:
        return "none"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        torch.rand(3)  # as building a network does

        def extract(images: Tensor) -> Features:
            assert images.dtype == torch.uint8
            assert images.shape[1] == 3
            assert not torch.is_grad_enabled()
            self.seen.append(len(images))
            flat = images.double().flatten(1)
            return Features(torch.stack([flat.mean(1), flat.std(1)], 1), flat[:, :4])

        return extract


class Brightness(Metric):
    """How much brighter generated images are than reals."""

    needs = frozenset({"statistics"})
    has_floor = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        return {"brightness": samples.generated.statistics.mean[0] - samples.real.statistics.mean[0]}


class BrightnessFull(Metric):
    """The same against reals at the final resolution, from their features."""

    needs = frozenset({"statistics", "features"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        torch.rand(3)  # a metric that draws
        return {
            "brightness_full": samples.generated.statistics.mean[0] - float(samples.real_full.features[:, 0].mean())
        }


class Inverted(Metric):
    """A yardstick: the brightness of reals turned to their negatives."""

    needs = frozenset({"statistics"})
    reference_only = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        negatives = samples.generated.transformed("negative", torch.neg)
        return {"inverted": negatives.statistics.mean[0] + samples.generated.statistics.mean[0]}


class Prefix(Dataset):
    """The first digits at 8x8, one of them turned to its negative if asked for."""

    images: int
    inverted: int | None = None

    def image_channels(self) -> int:
        return 1

    def load(self, resolution: int) -> LabelledImages:
        images = digits().at(resolution)[: self.images].copy()
        if self.inverted is not None:
            images[self.inverted] ^= 255
        return LabelledImages(images, None)


MEASURED: dict[str, Any] = {
    "metrics": ["fid", "is"],
    "extractor": "digits",
    "images": 64,
    "quick": {"images": 32, "metrics": "fid"},
    "every": 48,
}
"""An evaluation of tiny runs, with a cheaper one on the way."""


class Kept(Metric):
    """The mean of a part of the generated population that its `needs` do not name."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        return {"kept": float(samples.generated.logits.mean())}


@contextmanager
def registered() -> Iterator[None]:
    """The components of this file as plugin `test`, with nothing seen yet."""
    Levels.seen.clear()
    plugins.load_installed()
    with registry.restored():
        for component in (Levels, Brightness, BrightnessFull, Inverted, Kept):
            registry.register("test", component.__name__.lower(), component)
        yield


@cache
def digits() -> RealImages:
    return RealImages(tiny().data, [4, 8])


def evaluator(*metrics: Metric, reals: RealImages | None = None, **options: Any) -> Evaluator:
    defaults = {"metrics": list(metrics), "images": 100, "extractor": Levels()}
    return Evaluator(tiny(evaluation=defaults | options).evaluation, reals or digits(), CPU)


class Made:
    """Images that a function makes of the number of the first and how many are wanted."""

    network = None

    def __init__(self, function: Callable[[int, int], Tensor]) -> None:
        self.function = function

    def sample(self, first: int, count: int, seed: int) -> Batch:
        return Batch(self.function(first, count))


def grey(resolution: int, level: float = 0.0) -> Made:
    return Made(lambda first, count: torch.full((count, 1, resolution, resolution), level))


def at(resolution: int) -> Progress:
    return progress_in([Stage(4, 32), Stage(8, 64)], {4: 1, 8: 2}[resolution], 96)
