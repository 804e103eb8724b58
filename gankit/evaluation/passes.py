"""One pass over images, in which each of several extractors sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gankit.core.errors import UserError
from gankit.data.images import Batch, to_uint8
from gankit.evaluation.contracts import check_features
from gankit.evaluation.features import FeatureStore
from gankit.evaluation.statistics import RunningStatistics

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.evaluation.images import Extraction, Features, ImageSource

TRANSFORM = "clamp, round, uint8, 3 channels on black"
"""What `for_extractor` does; part of the key under which reals' features are kept, so change both together."""


class SeenBatch(NamedTuple):
    """What one pass has of a batch through one extractor."""

    images: int
    """How many there are."""
    kept: dict[str, Tensor]
    """What is kept of it, by name."""
    pooled: Tensor | None
    """Features [n, D] as the extractor gave them, if their statistics are kept."""


class OnePass:
    """Takes images once, shows them to all extractors, and keeps what each extraction says.

    The first is whom the pass is for. Another that fails at a batch is left out from there on, as if it had not been
    there.
    """

    def __init__(self, source: ImageSource, extractions: Sequence[Extraction]) -> None:
        self._source, self._extractions = source, extractions
        self._ranks = extractions[0].ranks
        self._filling = {
            number: (FeatureStore(source.count), RunningStatistics()) for number in range(len(extractions))
        }

    def stores(self) -> dict[int, FeatureStore]:
        """What is kept, by the positions of those that have not failed.

        Raises:
            Exception: what the source of the images raises, or the first of the extractors.
        """
        for batch in self._batches():
            for number in self._filling.keys() - batch.keys():
                del self._filling[number]
            for number, (store, statistics) in self._filling.items():
                seen = batch[number]
                if seen.pooled is not None:
                    statistics.add(seen.pooled)
                store.add(seen.images, seen.kept)
        for number, (store, statistics) in self._filling.items():
            if store.filled != self._source.count:
                raise ValueError(f"{self._source.count} images were announced, but {store.filled} came")
            store.statistics = statistics.result() if "statistics" in self._extractions[number].keep else None
        return {number: store for number, (store, _) in self._filling.items()}

    def _batches(self) -> Iterator[Mapping[int, SeenBatch]]:
        """What is seen of all batches in their order, each by one of the processes."""
        if self._ranks.count == 1:
            yield from map(self._see, self._source.batches())
            return
        mine = self._source.batches(self._ranks.number, self._ranks.count)
        while True:
            for found in self._ranks.exchanged(self._see_next(mine)):
                if isinstance(found, Exception):
                    raise found
                if found is None:
                    return
                yield found

    def _see_next(self, batches: Iterator[Batch]) -> Mapping[int, SeenBatch] | Exception | None:
        """What is seen of the next of this process's batches, or why it cannot be; None if there is none."""
        try:
            batch = next(batches, None)
            seen = {} if batch is None else self._see(batch)
            return None if batch is None else {number: _on_cpu(one) for number, one in seen.items()}
        except UserError as failure:  # which the others have to be told of
            return failure
        except Exception as failure:
            return ValueError(f"{type(failure).__name__}: {failure}")  # itself may be nothing that can be sent

    def _see(self, batch: Batch) -> dict[int, SeenBatch]:
        """What is seen of a batch, but for those that fail at it."""
        seen: dict[int, SeenBatch] = {}
        for number in self._filling:
            try:
                seen[number] = _seen_through(self._extractions[number], batch)
            except Exception:
                if number == 0:
                    raise
        return seen


def for_extractor(images: Tensor) -> Tensor:
    """What extractors see of images in network range, generated and real alike: uint8 [N, 3, H, W].

    Grey is repeated; RGB with opacity is seen on black; images of two channels, or of more than four, keep all of them.

    Raises:
        UserError: if a value is NaN or infinite.
    """
    pixels = to_uint8(images)
    if pixels.shape[1] == 4:
        return pixels[:, :3]  # colours are multiplied by their opacity already
    return pixels.repeat(1, 3, 1, 1) if pixels.shape[1] == 1 else pixels


def _seen_through(extraction: Extraction, batch: Batch) -> SeenBatch:
    """What is kept of a batch; each extractor has an image of its own, whatever it does to it."""
    images, keep, pooled = for_extractor(batch.images), extraction.keep, None
    parts = {"images": images}
    if extraction.extract is not None:
        found = _extracted(images, extraction.extract)
        parts |= {"features": found.pooled.float(), "logits": found.logits.float()}
        pooled = found.pooled if "statistics" in keep else None
    kept = {name: part for name, part in parts.items() if name in keep}
    if batch.labels is not None and not batch.labels.is_floating_point():  # metrics look at classes alone
        kept["labels"] = batch.labels
    return SeenBatch(len(images), kept, pooled)


def _extracted(images: Tensor, extract: Callable[[Tensor], Features]) -> Features:
    """Features in full precision, whatever training has set."""
    import torch

    from gankit.training.precision import float32_products

    with torch.no_grad(), torch.autocast(images.device.type, enabled=False), float32_products():
        return check_features(extract(images), len(images))


def _on_cpu(batch: SeenBatch) -> SeenBatch:
    pooled = None if batch.pooled is None else batch.pooled.cpu()
    return SeenBatch(batch.images, {name: part.cpu() for name, part in batch.kept.items()}, pooled)
