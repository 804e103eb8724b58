"""Images under measurement: what extractors give and what metrics may ask for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from gankit.core.errors import UserError
from gankit.data.images import Batch
from gankit.evaluation.features import FeatureStore, load_features, store_features
from gankit.evaluation.passes import TRANSFORM, OnePass, for_extractor
from gankit.evaluation.statistics import Statistics
from gankit.kinds.evaluation import Need
from gankit.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.networks.generator import Generator


class Features(NamedTuple):
    """What an extractor sees in a batch of images."""

    pooled: Tensor
    """Features [N, D]."""
    logits: Tensor
    """Class logits [N, K]."""


@dataclass(frozen=True)
class ImageSource:
    """Where the images of a set come from."""

    count: int
    """Number of images."""
    resolution: int
    """Their height in pixels."""
    batches: Callable[..., Iterator[Batch]]
    """Yields all of them; given two numbers, every n-th batch from a first one on: what one of n processes sees."""
    content: Mapping[str, Any] | None = None
    """Plain values that decide every pixel, so that features can be kept on disk; None if they shall not."""


class Extraction(NamedTuple):
    """How image sets are seen."""

    extract: Callable[[Tensor], Features] | None
    """From uint8 [N, 3, H, W] to features; None if nothing of theirs is kept."""
    identity: Mapping[str, Any]
    """Plain values that decide what `extract` gives."""
    keep: frozenset[Need]
    """What is kept of each set."""
    ranks: Ranks = ALONE
    """The processes that see them, each some of the batches, and exchange what they have seen."""


class ImageSet:
    """Images seen through an extractor, once for all metrics: in one pass, when anything is first asked for."""

    def __init__(self, source: ImageSource, extraction: Extraction) -> None:
        self._source, self._extraction = source, extraction
        self._transformed: dict[str, ImageSet] = {}
        self._beside: Sequence[ImageSet] = ()
        """Sets of the same images that are seen in the same pass, unless they have been."""
        self._store: FeatureStore | None = None
        """What a pass has left, be it one that was for another set."""

    @property
    def count(self) -> int:
        """Number of images."""
        return self._source.count

    @property
    def resolution(self) -> int:
        """Height of the images in pixels."""
        return self._source.resolution

    @property
    def extraction(self) -> Extraction:
        """How it is seen."""
        return self._extraction

    @property
    def statistics(self) -> Statistics:
        """Mean and covariance of the features in float64."""
        self._check_kept("statistics")
        assert self._seen.statistics is not None
        return self._seen.statistics

    @property
    def features(self) -> Tensor:
        """Features, float32 [count, D] on the CPU."""
        return self._as_tensor("features")

    @property
    def logits(self) -> Tensor:
        """Class logits, float32 [count, K] on the CPU."""
        return self._as_tensor("logits")

    @property
    def labels(self) -> np.ndarray | None:
        """Classes, int64 [count]; None without, as where there are attributes. Known whatever is kept."""
        return self._seen.labels

    @cached_property
    def images(self) -> Tensor:
        """The images as extractors see them, uint8 [count, 3, H, W] on the CPU; see `for_extractor`."""
        self._check_kept("images")
        if self._seen.images is None:  # the features came from disk
            seen = FeatureStore(self.count)
            for batch in self._source.batches():
                seen.add(len(batch.images), {"images": for_extractor(batch.images)})
            return seen.tensor("images")
        return self._seen.tensor("images")

    def transformed(self, name: str, function: Callable[[Tensor], Tensor]) -> ImageSet:
        """The set of the images that `function` makes of these, batch by batch in network range.

        Args:
            name: Says what the function does, its options and version included: features are kept on disk by it.
            function: From images [n, channels, H, W] to images of the same shape.
        """
        source = self._source

        def batches(*share: int) -> Iterator[Batch]:
            return (Batch(function(batch.images), batch.labels) for batch in source.batches(*share))

        if name not in self._transformed:
            content = source.content and {"images": source.content, "mapped": name}
            self._transformed[name] = ImageSet(replace(source, batches=batches, content=content), self._extraction)
        return self._transformed[name]

    def resampled(self, chosen: np.ndarray) -> ImageSet:
        """The set of the images at the positions `chosen`, int64 [n], of which any may come several times."""
        return _Resampled(self, chosen)

    def _content(self) -> dict[str, Any] | None:
        """All that decides the features, if they may be kept on disk."""
        if self._source.content is None:
            return None
        return {**self._source.content, "transform": TRANSFORM, "extraction": self._extraction.identity}

    def _check_kept(self, need: Need) -> None:
        if need not in self._extraction.keep:
            raise LookupError(f"a metric asks for {need!r} without naming it in its `needs`")

    def _as_tensor(self, need: Literal["features", "logits"]) -> Tensor:
        self._check_kept(need)
        return self._seen.tensor(need)

    @cached_property
    def _seen(self) -> FeatureStore:
        """What one pass over the images has left, be it an earlier one, of which it lies on disk."""
        if self._store is not None:
            return self._store
        content, keep = self._content(), self._extraction.keep
        ranks = self._extraction.ranks
        seen = load_features(content, self.count, keep - {"images"}) if content else None
        if content and not all(ranks.exchanged(seen is not None)):  # another has to see them, and shares them out
            seen = None
        if seen is not None:
            return seen
        together = [self, *(one for one in self._beside if one._store is None)]
        self._beside = ()
        for number, store in OnePass(self._source, [one._extraction for one in together]).stores().items():
            together[number]._store, together[number]._beside = store, ()
        assert self._store is not None
        if content and ranks.number == 0:
            store_features(content, self._store)
        return self._store


def through_each(
    source: ImageSource, extractions: Mapping[int, Extraction], together: Collection[int]
) -> dict[int, ImageSet]:
    """The same images through each of several extractors, those `together` in one pass; nothing is kept on disk."""
    sets = {key: ImageSet(replace(source, content=None), extraction) for key, extraction in extractions.items()}
    for key in together:
        sets[key]._beside = [sets[other] for other in together if other != key]
    return sets


class _Resampled(ImageSet):
    """Some of the images of another set, over and over; nothing is extracted again."""

    def __init__(self, whole: ImageSet, chosen: np.ndarray) -> None:
        super().__init__(replace(whole._source, count=len(chosen), content=None), whole._extraction)
        self._whole, self._chosen = whole, chosen

    def transformed(self, name: str, function: Callable[[Tensor], Tensor]) -> ImageSet:
        """Those of what the function makes of all."""
        return _Resampled(self._whole.transformed(name, function), self._chosen)

    @cached_property
    def images(self) -> Tensor:
        """Those of the images."""
        return self._whole.images[self._chosen]

    @cached_property
    def _seen(self) -> FeatureStore:
        return self._whole._seen.taken(self._chosen, statistics="statistics" in self._extraction.keep)


class Samples:
    """What one metric is given to measure; it remembers which reals were looked at, for the protocol."""

    generated: ImageSet
    """Images of the averaged generator, at the stage's resolution."""
    generator: Generator | None
    """The averaged generator itself, in eval mode, for metrics that make images of their own; None if the images come
    from elsewhere, such as a folder. Its latents have `generator.context.latent` numbers, its classes are
    `generator.context.classes`; torch draws at a place that `gankit.training.randomness.seed` names, and
    `gankit.training.sampler.draw_labels` draws labels."""
    compared: list[ImageSet]
    """The reals that were asked for, each once."""
    mirrors: bool
    """Whether training showed reals mirrored left to right too."""
    class_names: Sequence[str] = ()
    """What the classes are called, in the order of their numbers; empty if that is not known."""

    def __init__(
        self,
        generated: ImageSet,
        real: ImageSet,
        real_full: ImageSet,
        held_out: ImageSet | None = None,
        training: ImageSet | None = None,
        generator: Generator | None = None,
        mirrors: bool = False,
        trained_on_held_out: bool = False,
    ) -> None:
        self.generated = generated
        self.generator = generator
        self.mirrors = mirrors
        self._trained_on_held_out = trained_on_held_out
        self.compared = []
        self._real, self._real_full, self._held_out, self._training = real, real_full, held_out, training

    @property
    def real(self) -> ImageSet:
        """Reals at the stage's resolution."""
        return self._noted(self._real)

    @property
    def real_full(self) -> ImageSet:
        """The same reals at the final resolution."""
        return self._noted(self._real_full)

    @property
    def training(self) -> ImageSet:
        """All reals that are trained on but those held out, at the stage's resolution.

        Raises:
            LookupError: if there are none.
        """
        if self._training is None:
            raise LookupError("there are no reals that are trained on and not held out")
        return self._noted(self._training)

    @property
    def trained_on(self) -> list[ImageSet]:
        """All reals that are trained on, at the stage's resolution: `training`, then `held_out` unless a test part is.

        Raises:
            LookupError: if nothing is held out.
        """
        return [self.training, self.held_out] if self._trained_on_held_out else [self.training]

    @property
    def held_out(self) -> ImageSet:
        """Other reals at the stage's resolution, for floors; none of them is among `training`.

        Raises:
            LookupError: if there are none.
        """
        if self._held_out is None:
            raise LookupError("there are no reals beside those that are compared with")
        return self._noted(self._held_out)

    def of_resampled(self, chosen: np.ndarray) -> Samples:
        """The same with generated images at the positions `chosen`."""
        resampled = copy.copy(self)
        resampled.generated, resampled.compared = self.generated.resampled(chosen), []
        return resampled

    def _noted(self, reals: ImageSet) -> ImageSet:
        if reals not in self.compared:
            self.compared.append(reals)
        return reals


class SamplesWithoutReals(Samples):
    """Generated images alone, where the reals cannot be read."""

    def __init__(self, generated: ImageSet, generator: Generator | None, reason: str) -> None:
        super().__init__(generated, generated, generated, generator=generator)
        self._reason = reason

    def _noted(self, reals: ImageSet) -> ImageSet:
        raise UserError(self._reason)
