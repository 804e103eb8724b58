"""Images that several processes look at are seen as one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from support.populations import EVERYTHING
from support.threaded import in_each

from gankit.data.images import Batch
from gankit.evaluation import images
from gankit.evaluation.features import FeatureStore
from gankit.evaluation.images import Extraction, Features, ImageSet, ImageSource, through_each
from gankit.training.ranks import ALONE, Ranks

IMAGES = torch.rand(23, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


def seen(ranks: Ranks, bad: int | None = None, content: bool = False) -> ImageSet:
    """23 images in batches of 4, of which one may hold what is no number."""
    return ImageSet(source(ranks, bad, content), Extraction(extract, {"extractor": "the first"}, EVERYTHING, ranks))


def extract(pixels: torch.Tensor) -> Features:
    return Features(pixels.flatten(1)[:, :5].float(), pixels.flatten(1)[:, :3].float())


def source(ranks: Ranks, bad: int | None = None, content: bool = False) -> ImageSource:
    pictures = IMAGES.clone()
    if bad is not None:
        pictures[bad] = torch.nan

    def batches(number: int = 0, of: int = 1) -> Iterator[Batch]:
        for chosen in torch.arange(23).split(4)[number::of]:
            looked_at.append((ranks.number, int(chosen[0])))
            yield Batch(pictures[chosen], chosen)

    return ImageSource(23, 4, batches, {"images": "these"} if content else None)


looked_at: list[tuple[int, int]] = []


def passed(images: ImageSet) -> FeatureStore:
    """What one pass leaves; asked for past the cached property, whose lock in Python 3.11 lets in one thread alone."""
    return ImageSet.__dict__["_seen"].func(images)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_sees_its_share_and_has_all(count: int) -> None:
    alone = passed(seen(ALONE))
    looked_at.clear()
    found = in_each(count, lambda ranks: passed(seen(ranks)))
    for number in range(count):
        assert {first for who, first in looked_at if who == number} == set(range(4 * number, 23, 4 * count))
    for each in found:
        assert isinstance(each, FeatureStore), each
        for name in ("features", "logits", "images", "labels"):
            assert np.array_equal(each.tensor(name), alone.tensor(name))
        assert each.statistics is not None
        assert alone.statistics is not None
        assert np.array_equal(each.statistics.covariance, alone.statistics.covariance)


def test_what_one_cannot_see_none_does() -> None:
    found = in_each(3, lambda ranks: passed(seen(ranks, bad=9)))
    assert ["no finite numbers" in str(each) for each in found] == [True] * 3


def test_what_only_one_has_kept_all_see_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one would wait for others that look at nothing."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path))
    expected = passed(seen(ALONE, content=True))  # kept on disk from here on
    load, calls = images.load_features, [None, expected]
    monkeypatch.setattr(images, "load_features", lambda *arguments: load(*arguments) and calls.pop())
    found = in_each(2, lambda ranks: passed(seen(ranks, content=True)))
    assert not calls
    assert all(isinstance(each, FeatureStore) and each.filled == 23 for each in found)


def both(ranks: Ranks, fails: bool = False) -> list[FeatureStore | None]:
    """What is left of two extractions after the first was asked for; the second may fail in the last process."""

    def other(pixels: torch.Tensor) -> Features:
        if fails and ranks.number == ranks.count - 1:
            raise RuntimeError("it blinked")
        return Features(*(2 * one for one in extract(pixels)))

    extractions = {key: Extraction(one, {}, EVERYTHING, ranks) for key, one in ((3, extract), (5, other))}
    sets = through_each(source(ranks), extractions, extractions)
    return [passed(sets[3]), sets[5]._store]


@pytest.mark.parametrize("count", [1, 3])
def test_what_several_extractors_see_is_looked_at_once(count: int) -> None:
    alone = passed(seen(ALONE))
    looked_at.clear()
    found = in_each(count, both) if count > 1 else [both(ALONE)]
    assert sorted(first for _, first in looked_at) == list(range(0, 23, 4))
    for one in found:
        assert isinstance(one, list), one
        first, second = one
        assert first is not None
        assert second is not None
        assert np.array_equal(first.tensor("features"), alone.tensor("features"))
        assert np.array_equal(second.tensor("features"), 2 * alone.tensor("features"))
        assert np.array_equal(second.tensor("labels"), alone.tensor("labels"))
        assert second.statistics is not None
        assert second.statistics.covariance.any()


def test_one_that_fails_in_one_process_is_left_out_in_all() -> None:
    for one in in_each(3, lambda ranks: both(ranks, fails=True)):
        assert isinstance(one, list), one
        first, second = one
        assert first is not None
        assert first.filled == 23
        assert second is None
