"""Images under measurement: what extractors give and what metrics may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gankit.data import to_uint8
from gankit.evaluation import statistics_cache
from gankit.evaluation.statistics import RunningStatistics, Statistics

if TYPE_CHECKING:
    from torch import Tensor

Need = Literal["statistics", "features", "logits", "images"]
"""What a metric may ask of a population; it names what it asks for in its `needs`."""

TRANSFORM = "clamp, round, uint8, 3 channels on black"
"""What `for_extractor` does; part of the key under which statistics are kept, so change both together."""


class Features(NamedTuple):
    """What an extractor sees in a batch of images."""

    pooled: Tensor
    """Features [N, D]."""
    logits: Tensor
    """Class logits [N, K]."""


@dataclass(frozen=True)
class ImageSource:
    """Where the images of a population come from."""

    count: int
    """Number of images."""
    resolution: int
    """Their height in pixels."""
    batches: Callable[[], Iterator[Tensor]]
    """Yields all of them, in network range, float [n, channels, resolution, W]."""
    content: Mapping[str, Any] | None = None
    """Plain values that decide every pixel, so that statistics can be kept on disk; None if they shall not."""


class Extraction(NamedTuple):
    """How populations are seen."""

    extract: Callable[[Tensor], Features]
    """From uint8 [N, 3, H, W] to features."""
    identity: Mapping[str, Any]
    """Plain values that decide what `extract` gives."""
    keep: frozenset[Need]
    """What is kept of each population."""


class Population:
    """Images seen through an extractor, once for all metrics: in one pass, when anything is first asked for."""

    def __init__(self, source: ImageSource, extraction: Extraction) -> None:
        self._source, self._extraction = source, extraction

    @property
    def count(self) -> int:
        """Number of images."""
        return self._source.count

    @property
    def resolution(self) -> int:
        """Height of the images in pixels."""
        return self._source.resolution

    @cached_property
    def statistics(self) -> Statistics:
        """Mean and covariance of the features in float64, from disk if they were computed before."""
        self._check_kept("statistics")
        content = self._content()
        known = statistics_cache.load(content) if content else None
        if known is not None:
            return known
        statistics = self._seen.statistics.result()
        if content:
            statistics_cache.store(content, statistics)
        return statistics

    @property
    def features(self) -> Tensor:
        """Features, float32 [count, D] on the CPU."""
        return self._joined("features")

    @property
    def logits(self) -> Tensor:
        """Class logits, float32 [count, K] on the CPU."""
        return self._joined("logits")

    @property
    def images(self) -> Tensor:
        """The images as the extractor sees them, uint8 [count, 3, H, W] on the CPU."""
        return self._joined("images")

    def mapped(self, name: str, function: Callable[[Tensor], Tensor]) -> Population:
        """The population of the images that `function` makes of these, batch by batch in network range.

        Args:
            name: Says what the function does, its options and version included: statistics are kept on disk by it.
            function: From images [n, channels, H, W] to images of the same shape.
        """
        source = self._source
        content = source.content and {"images": source.content, "mapped": name}
        mapped = replace(source, batches=lambda: map(function, source.batches()), content=content)
        return Population(mapped, self._extraction)

    def _content(self) -> dict[str, Any] | None:
        """All that decides the statistics, if they may be kept on disk."""
        if self._source.content is None:
            return None
        return {**self._source.content, "transform": TRANSFORM, "extraction": self._extraction.identity}

    def _check_kept(self, need: Need) -> None:
        if need not in self._extraction.keep:
            raise LookupError(f"a metric asks for {need!r} without naming it in its `needs`")

    def _joined(self, need: Literal["features", "logits", "images"]) -> Tensor:
        import torch

        self._check_kept(need)
        return torch.cat(self._seen.batches[need])

    @cached_property
    def _seen(self) -> _Seen:
        """The one pass over the images."""
        seen = _Seen(self._extraction.keep)
        for batch in self._source.batches():
            images = for_extractor(batch)
            seen.add(images, _extracted(images, self._extraction.extract))
        if seen.count != self.count:
            raise ValueError(f"{self.count} images were announced, but {seen.count} came")
        return seen


class Samples:
    """What one metric is given to measure; it remembers which reals were looked at, for the protocol."""

    def __init__(self, generated: Population, real: Population, real_full: Population) -> None:
        self.generated = generated
        """Images of the averaged generator, at the stage's resolution."""
        self.compared: list[Population] = []
        """The reals that were asked for."""
        self._real, self._real_full = real, real_full

    @property
    def real(self) -> Population:
        """Reals at the stage's resolution."""
        return self._noted(self._real)

    @property
    def real_full(self) -> Population:
        """The same reals at the final resolution."""
        return self._noted(self._real_full)

    def _noted(self, reals: Population) -> Population:
        if reals not in self.compared:
            self.compared.append(reals)
        return reals


class _Seen:
    """What one pass over a population keeps."""

    def __init__(self, keep: frozenset[Need]) -> None:
        self._keep = keep
        self.count = 0
        self.statistics = RunningStatistics()
        self.batches: dict[str, list[Tensor]] = {"features": [], "logits": [], "images": []}

    def add(self, images: Tensor, seen: Features) -> None:
        """Count in a batch, uint8 [n, 3, H, W], and what the extractor saw in it."""
        if not len(images) == len(seen.pooled) == len(seen.logits):
            raise ValueError(
                f"the extractor saw {len(seen.pooled)} features and {len(seen.logits)} logits in {len(images)} images"
            )
        self.count += len(images)
        if "statistics" in self._keep:
            self.statistics.add(seen.pooled)
        for need, part in (("features", seen.pooled.float()), ("logits", seen.logits.float()), ("images", images)):
            if need in self._keep:
                self.batches[need].append(part.cpu())


def for_extractor(images: Tensor) -> Tensor:
    """What extractors see of images in network range, generated and real alike: uint8 [N, 3, H, W].

    Grey is repeated; RGB with opacity is seen on black.

    Raises:
        UserError: if a value is NaN or infinite.
    """
    pixels = to_uint8(images)
    if pixels.shape[1] == 4:
        return pixels[:, :3]  # colours are multiplied by their opacity already
    return pixels.repeat(1, 3, 1, 1) if pixels.shape[1] == 1 else pixels


def _extracted(images: Tensor, extract: Callable[[Tensor], Features]) -> Features:
    """Features in full precision, whatever training has set."""
    import torch

    full_precision = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False), full_precision:
        return extract(images)
