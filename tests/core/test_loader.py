"""Batches are read ahead of training, and are none but those that would have been read without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.sources import Numbered

from gankit import Dataset, LabelledImages
from gankit.data.images import Pixels, RealImages
from gankit.data.loader import AHEAD, Loader
from gankit.data.prepared import FromDisk, prepared

CPU = torch.device("cpu")
IMAGES = 10


class OnDisk(Dataset):
    """Prepared images with labels."""

    def image_channels(self) -> int:
        return 3

    def class_count(self) -> int:
        return 2

    def load(self, resolution: int) -> LabelledImages:
        kept = prepared(Numbered(IMAGES), 3, resolution, resolution)
        return FromDisk.of(kept, resolution, np.arange(IMAGES) % 2)


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> RealImages:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return RealImages(OnDisk(), [4, 8])


class Noted:
    """Real images that note which are read."""

    def __init__(self, reals: RealImages, broken_from: int = 10**9) -> None:
        self._reals, self._broken_from = reals, broken_from
        self.on_disk = reals.on_disk
        self.read: list[tuple[int, list[int]]] = []

    def indices(self, seed: int, shown: int, count: int, even: bool) -> np.ndarray:
        if shown >= self._broken_from:
            raise OSError("the disk is gone")
        return self._reals.indices(seed, shown, count, even)

    def pixels(self, resolution: int, chosen: Sequence[int]) -> Pixels:
        self.read.append((resolution, [*chosen]))
        return self._reals.pixels(resolution, np.array(chosen))


steps = st.tuples(st.sampled_from([4, 8]), st.integers(0, 2), st.integers(0, 2), st.integers(1, 4))


@given(steps=st.lists(steps, min_size=1, max_size=12), even=st.booleans())
def test_batches_are_those_of_their_places(
    reals: RealImages, steps: list[tuple[int, int, int, int]], even: bool
) -> None:
    loader, shown = Loader(reals, CPU, even), 0
    for resolution, seed, jump, count in steps:
        shown += jump  # by which a guard goes back, or another stage begins, nothing was foreseen
        expected = reals.take(resolution, reals.indices(seed, shown, count, even), CPU)
        found = loader.batch(resolution, seed, shown, count)
        assert torch.equal(found.images, expected.images)
        assert found.labels is not None
        assert expected.labels is not None
        assert torch.equal(found.labels, expected.labels)
        shown += count


def test_the_next_batches_are_read_before_they_are_asked_for(reals: RealImages) -> None:
    noted = Noted(reals)
    loader = Loader(noted, CPU)  # pyright: ignore[reportArgumentType]
    expected = [(8, [*reals.indices(0, shown, 2)]) for shown in range(0, 20, 2)]
    for asked in range(3):
        loader.batch(8, 0, 2 * asked, 2)
        for read in loader._ahead.values():
            read.result(10)
        assert noted.read == expected[: asked + 1 + AHEAD]  # each once
    loader.batch(4, 0, 6, 2)
    for read in loader._ahead.values():
        read.result(10)
    assert noted.read[3 + AHEAD :] == [(4, chosen) for _, chosen in expected[3 : 4 + AHEAD]]


def test_what_cannot_be_read_ahead_is_said_when_it_is_needed(reals: RealImages) -> None:
    loader = Loader(Noted(reals, broken_from=4), CPU)  # pyright: ignore[reportArgumentType]
    loader.batch(8, 0, 0, 4)
    with pytest.raises(OSError, match="the disk is gone"):
        loader.batch(8, 0, 4, 4)


def test_images_in_memory_need_no_thread() -> None:
    class InMemory(OnDisk):
        def load(self, resolution: int) -> LabelledImages:
            return LabelledImages(*super().load(resolution))

    loader = Loader(RealImages(InMemory(), [8]), CPU)
    loader.batch(8, 0, 0, 4)
    assert loader._thread is None


@given(shown=st.integers(0, 40), count=st.integers(1, 4), processes=st.integers(1, 4), steps=st.integers(1, 4))
def test_shares_of_processes_are_the_batch(
    reals: RealImages, shown: int, count: int, processes: int, steps: int
) -> None:
    """Whatever is read ahead: each reads its own alone."""
    batch = count * processes
    loaders = [Loader(reals, CPU) for _ in range(processes)]
    for step in range(steps):
        at = shown + step * batch
        whole = Loader(reals, CPU).batch(4, 0, at, batch)
        shares = [
            loader.batch(4, 0, at, batch, slice(count * number, count * (number + 1)))
            for number, loader in enumerate(loaders)
        ]
        assert torch.equal(torch.cat([share.images for share in shares]), whole.images)
