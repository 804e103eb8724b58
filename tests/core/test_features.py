"""What is kept of images: in memory or on the disk, by its size, and the same wherever it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gankit.evaluation import features as module
from gankit.evaluation.features import FeatureStore, load_features, store_features
from gankit.evaluation.statistics import Statistics

CONTENT = {"images": "these"}
NEEDS = {"features", "logits", "statistics"}


def filled() -> FeatureStore:
    """Of 50 images, in batches."""
    store = FeatureStore(50)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        drawn = torch.randn(10, 8, generator=generator)
        store.add(10, {"features": drawn, "logits": drawn[:, :3], "labels": torch.arange(10)})
    store.statistics = Statistics(50, np.zeros(8), np.eye(8))
    return store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path))


@pytest.mark.parametrize("most", [2**28, 1000])  # features take 1,600 bytes, logits 600
def test_they_are_the_same_in_memory_and_on_the_disk(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = filled()
    monkeypatch.setattr(module, "IN_MEMORY", most)
    made = filled()
    store_features(CONTENT, made)
    read = load_features(CONTENT, 50, NEEDS)
    assert read is not None
    for each in (made, read):
        for name in ("features", "logits", "labels"):
            kept = each.array(name)
            assert kept is not None
            np.testing.assert_array_equal(kept, expected.array(name))
            assert isinstance(kept, np.memmap) == (name == "features" and most == 1000)
            each.tensor(name)[0] = 0  # torch warns of what it must not write to
    again = load_features(CONTENT, 50, NEEDS)
    assert again is not None
    np.testing.assert_array_equal(again.array("features"), expected.array("features"))


def test_what_is_damaged_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 1000)
    store_features(CONTENT, filled())
    (file,) = (tmp_path / "reals").iterdir()
    whole = file.read_bytes()
    for length in (0, 100, 1000, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert load_features(CONTENT, 50, NEEDS) is None
    place = whole.index(b"\x93NUMPY", whole.index(b"features.npy"))
    file.write_bytes(whole[:place] + b"\x93NUMPX" + whole[place + 6 :])
    assert load_features(CONTENT, 50, NEEDS) is None
