"""Real images at every resolution of an experiment, in an order that is a function of seed and images shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gankit.core.errors import UserError
from gankit.data.even_order import EvenOrder
from gankit.data.prepared import CHUNK, FromDisk, reduced

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.kinds import Dataset, LabelledImages

DRAWN = 2**31
"""Names a draw among all that depend on a seed; epochs, which the others are named by, never come so far."""


class Batch(NamedTuple):
    """Some images."""

    images: Tensor
    """In network range, float32 [n, channels, H, W]."""
    labels: Tensor | None = None
    """Their classes, int64 [n], or the values of their attributes, float32 [n, attributes], if they have any."""


class Pixels(NamedTuple):
    """Some images as they were read, on the CPU."""

    images: Tensor
    """uint8 [n, channels, H, W]."""
    labels: Tensor | None
    """As in a `Batch`."""

    def pinned(self) -> Pixels:
        """A copy in pinned memory, from which a GPU copies by itself."""
        return Pixels(self.images.pin_memory(), None if self.labels is None else self.labels.pin_memory())

    def to(self, device: torch.device) -> Batch:
        """As networks see them; a copy of pinned ones to a GPU is under way when this returns."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        return Batch(to_network_range(self.images.to(device, non_blocking=True)), labels)


class RealImages:
    """A data set at each resolution of a growth: in memory, or prepared on the disk."""

    def __init__(self, dataset: Dataset, resolutions: Sequence[int]) -> None:
        """Load `dataset` at the last of `resolutions`, from which the others are made when first asked for.

        Raises:
            UserError: if an image cannot be read, or the data set gives other than it should or more than memory holds.
        """
        self.final = max(resolutions)
        self._dataset = dataset
        self._orders: dict[int, np.ndarray] = {}
        try:
            loaded = _checked(dataset, dataset.load(self.final), self.final)
        except MemoryError as lack:
            raise UserError(
                f"data: {type(dataset).__name__} at {self.final} pixels of height does not fit into memory: {lack}"
            ) from lack
        images, self.labels = loaded
        self._prepared = loaded.prepared if isinstance(loaded, FromDisk) else None
        self.class_names = [*dataset.class_names()]
        """What the classes are called, in the order of their numbers; empty without."""
        self.attribute_names = [*dataset.attribute_names()]
        """What the numbers of labels that are vectors are called; empty if labels are classes, or there are none."""
        self._levels = {self.final: images}
        if self._prepared is not None:  # mapped now: the cache may be cleared while a run is at an early stage
            for resolution in resolutions:
                self.at(resolution)

    def spread(self, count: int) -> RealImages:
        """`count` of the images at equal distances, or all if there are fewer, as a data set of its own."""
        chosen = np.linspace(0, self.count - 1, min(count, self.count)).round().astype(np.int64)
        some = object.__new__(RealImages)
        some.final, some._dataset, some._orders = self.final, self._dataset, {}
        some.class_names, some.attribute_names = self.class_names, self.attribute_names
        some._prepared = None
        some.labels = None if self.labels is None else self.labels[chosen]
        some._levels = {self.final: self._levels[self.final][chosen]}
        return some

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self._levels[self.final])

    @property
    def on_disk(self) -> bool:
        """Whether they are read from there, and not held in memory."""
        return self._prepared is not None

    @property
    def skipped(self) -> list[str]:
        """Why images were left out, each by its name."""
        return [] if self._prepared is None else [each.reason for each in self._prepared.skipped]

    @property
    def classes(self) -> int:
        """Number of classes, of which some may have no images; 0 without labels."""
        return self._dataset.class_count()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of images at the final resolution, their shape, their labels and the names of attributes."""
        if self._prepared is None:
            return self._hash().hex()
        labels = b"" if self.labels is None else np.ascontiguousarray(self.labels).tobytes()
        labels += repr(self.attribute_names).encode() if self.attribute_names else b""
        name = f"fingerprint-{hashlib.blake2b(labels, digest_size=8).hexdigest()}-{self.labels is not None}"
        kept = self._prepared.remembered(name, "uint8", 16, lambda: np.frombuffer(self._hash(), np.uint8))
        return kept.tobytes().hex()

    def _hash(self) -> bytes:
        images = self._levels[self.final]
        content = hashlib.blake2b(repr((images.shape, self.labels is not None)).encode(), digest_size=16)
        for start in range(0, len(images), CHUNK):
            content.update(np.ascontiguousarray(images[start : start + CHUNK]).data)
        if self.labels is not None:
            content.update(np.ascontiguousarray(self.labels).data)
        if self.attribute_names:
            content.update(repr(self.attribute_names).encode())
        return content.digest()

    def at(self, resolution: int) -> np.ndarray:
        """All images at a height, uint8 [N, channels, resolution, W]: means of square blocks, rounded to even.

        Raises:
            ValueError: if the final resolution is no multiple of `resolution`.
        """
        if resolution not in self._levels:
            kept = self._prepared
            images = reduced(self._levels[self.final], resolution) if kept is None else kept.at(resolution)
            self._levels[resolution] = images
        return self._levels[resolution]

    def drawn(self, count: int, seed: int) -> np.ndarray:
        """Positions of `count` images drawn with `seed`, of all if there are fewer, int64 [count]."""
        return permutation(self.count, seed, DRAWN)[:count]

    def order_by_hash(self, seed: int) -> np.ndarray:
        """Positions of all images in the order of a hash of `seed` and their pixels, int64 [count]."""
        if seed not in self._orders:
            images, kept = self._levels[self.final], self._prepared

            def order() -> np.ndarray:
                return order_by_hash(images, seed)

            name = f"order-{seed}"
            self._orders[seed] = order() if kept is None else kept.remembered(name, "int64", self.count, order)
        return self._orders[seed]

    @cached_property
    def distinct(self) -> int:
        """How many images there are when equal ones are counted once."""
        images = self._levels[self.final]
        return len({hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images})

    @cached_property
    def test_part(self) -> RealImages | None:
        """The data set's own images for testing, at the same resolutions; None if it has none.

        Raises:
            UserError: if they cannot be read.
        """
        test = self._dataset.test_part()
        return None if test is None else RealImages(test, [self.final])

    def indices(self, seed: int, shown: int, count: int, even: bool = False) -> np.ndarray:
        """Which images are shown as number `shown` to `shown` + `count` - 1, int64 [count], for `count` at least 1.

        Every epoch shows each image once, or if `even` each class as often, in an order that depends on (seed, epoch)
        alone.
        """
        length = self._even.length if even else self.count
        parts = []
        for epoch in range(shown // length, (shown + count - 1) // length + 1):
            order = self._even.epoch(seed, epoch) if even else permutation(self.count, seed, epoch)
            begin = epoch * length
            parts.append(order[max(0, shown - begin) : shown + count - begin])
        return np.concatenate(parts)

    @cached_property
    def _even(self) -> EvenOrder:
        assert self.labels is not None, "only images with labels have classes"
        return EvenOrder(self.labels)

    def take(self, resolution: int, chosen: np.ndarray, device: torch.device) -> Batch:
        """The images at the positions `chosen`, and their labels."""
        return self.pixels(resolution, chosen).to(device)

    def pixels(self, resolution: int, chosen: np.ndarray) -> Pixels:
        """The images at the positions `chosen` as they were read, and their labels."""
        import torch

        labels = None if self.labels is None else torch.from_numpy(self.labels[chosen])
        return Pixels(torch.from_numpy(self.at(resolution)[chosen]), labels)


class AbsentReals(NamedTuple):
    """The real images of a run that cannot be read here any more: what looks at none can be measured all the same."""

    reason: str
    """Why they cannot be read, in words."""
    fingerprint: str
    """Of those that the run was trained on."""


def images_at_a_time(resolution: int) -> int:
    """How many images are generated, or seen by an extractor, at a time: 64 up to 128 pixels, then fewer.

    It follows from the resolution alone, so that no number depends on how much memory there is.
    """
    return max(4, min(64, 2**20 // resolution**2))


def to_network_range(images: Tensor) -> Tensor:
    """From uint8 to float32 in [-1, 1], as networks see images (Karras et al. 2018)."""
    return images.float() * (2 / 255) - 1


def as_pixels(images: Tensor) -> np.ndarray:
    """Images in network range [N, C, H, W] as pictures have them, uint8 [N, H, W, C]."""
    return to_uint8(images).permute(0, 2, 3, 1).cpu().numpy()


def to_uint8(images: Tensor) -> Tensor:
    """From network range to uint8: clamped to [-1, 1] and rounded; undoes `to_network_range` exactly.

    Raises:
        UserError: if a value is NaN or infinite.
    """
    import torch

    if not torch.isfinite(images).all():
        raise UserError(
            "images hold values that are no finite numbers, so training has diverged; "
            "a lower learning rate or a stronger regularizer may help"
        )
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def fade_reals(images: Tensor, alpha: float) -> Tensor:
    """Reals [N, C, H, W] as they are shown while a resolution fades in: coarse at alpha 0, themselves at alpha 1.

    The coarse ones are halved by means of 2x2 pixels and doubled again (Karras et al. 2018, appendix A).
    """
    import torch
    import torch.nn.functional as F

    coarse = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="nearest")
    return torch.lerp(coarse, images, alpha)


@lru_cache(maxsize=8)
def permutation(count: int, seed: int, *place: int) -> np.ndarray:
    """The numbers below `count` in an order that depends on `seed` and `place` alone, int64 [count], read-only.

    It sorts raw bits, since numpy promises those for all its releases but not what its generators make of them.
    """
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=place)).random_raw(count)
    order = np.argsort(bits, kind="stable")
    order.setflags(write=False)
    return order


def order_by_hash(images: np.ndarray, seed: int) -> np.ndarray:
    """Positions of images, uint8 [N, ...], in the order of a hash of `seed` and their pixels, int64 [N].

    Where an image comes depends neither on its position nor on the other images, and equal images come together, so
    that a part of the order shares no image with the rest.
    """
    key = repr((seed, images.shape[1:])).encode()
    hashes = [hashlib.blake2b(key + np.ascontiguousarray(image).tobytes(), digest_size=8).digest() for image in images]
    return np.argsort(np.array(hashes, dtype="S8").view(">u8").ravel(), kind="stable")


def _checked(dataset: Dataset, loaded: LabelledImages, resolution: int) -> LabelledImages:
    """What a data set loaded, if it is as `LabelledImages` describes it."""
    images, labels = loaded
    expected = (len(images), dataset.image_channels(), resolution, round(resolution * dataset.aspect()))
    if images.dtype != np.uint8 or images.shape != expected or not len(images):
        raise UserError(
            f"data: {type(dataset).__name__} loaded {images.dtype} {list(images.shape)} instead of "
            f"uint8 [N, {', '.join(map(str, expected[1:]))}] with at least one image"
        )
    (_check_vectors if dataset.attribute_names() else _check_classes)(dataset, len(images), labels)
    return loaded


def _check_classes(dataset: Dataset, count: int, labels: np.ndarray | None) -> None:
    """Check that labels are numbers of classes that all have names, or that there are none."""
    if bool(dataset.class_count()) != (labels is not None):
        raise UserError(f"data: {type(dataset).__name__} has {dataset.class_count()} classes but labels {labels!r:.40}")
    names = dataset.class_names()
    if len(names) != dataset.class_count() or len({*names}) < len(names):
        raise UserError(
            f"data: {type(dataset).__name__} should give {dataset.class_count()} classes names of their own, "
            f"not {names!r:.80}"
        )
    if labels is not None and (
        labels.shape != (count,)
        or labels.dtype != np.int64
        or not 0 <= labels.min() <= labels.max() < dataset.class_count()
    ):
        raise UserError(
            f"data: {type(dataset).__name__} should give labels int64 [{count}] from 0 to {dataset.class_count() - 1}"
        )


def _check_vectors(dataset: Dataset, count: int, labels: np.ndarray | None) -> None:
    """Check that labels are finite vectors, one an image, with a number for each name, without any classes."""
    name, names = type(dataset).__name__, dataset.attribute_names()
    if dataset.class_count():
        raise UserError(f"data: {name} gives {dataset.class_count()} classes and attributes; it may have one of them")
    if len({*names}) < len(names):
        raise UserError(f"data: {name} should give attributes names of their own, not {names!r:.80}")
    if labels is None or labels.shape != (count, len(names)) or labels.dtype != np.float32:
        found = "none" if labels is None else f"{labels.dtype} {[*labels.shape]}"
        raise UserError(f"data: {name} should give labels float32 [{count}, {len(names)}], not {found}")
    if not np.isfinite(labels).all():
        raise UserError(f"data: {name} gives labels that are not finite")
