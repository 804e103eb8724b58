"""Statistics of features, and of reals on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.measuring import Brightness, Inverted, Levels, Prefix, at, evaluator, grey, registered

from gankit.data.images import RealImages
from gankit.evaluation.arithmetic import arithmetic
from gankit.evaluation.features import cache_folder
from gankit.evaluation.statistics import RunningStatistics


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, nothing seen yet."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with registered():
        yield


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_statistics_are_the_same_in_batches_and_at_once(batch: int) -> None:
    features = 100 + np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    running = RunningStatistics()
    for part in torch.from_numpy(features).split(batch):
        running.add(part)
    statistics = running.result()
    np.testing.assert_allclose(statistics.mean, features.astype(np.float64).mean(0), rtol=1e-13)
    np.testing.assert_allclose(statistics.covariance, np.cov(features.astype(np.float64), rowvar=False), atol=1e-10)


def test_one_image_has_a_mean_but_no_covariance() -> None:
    running = RunningStatistics()
    running.add(torch.ones(1, 3))
    statistics = running.result()
    assert statistics.mean.tolist() == [1, 1, 1]
    assert np.isnan(statistics.covariance).all()


# --- on disk ---------------------------------------------------------------------------------------------------------


def test_statistics_of_reals_outlive_the_process() -> None:
    first = evaluator(Brightness(), Inverted()).evaluate(grey(4), at(4))
    Levels.seen.clear()
    again = evaluator(Brightness(), Inverted()).evaluate(grey(4), at(4))
    assert again == first
    assert sum(Levels.seen) == 100  # the generated


def test_reals_are_seen_again_by_another_gpu_and_other_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of one kind may share what one has seen."""
    seen = []
    for name, version in (("A100", 90100), ("H200", 90100), ("H200", 91000)):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _, name=name: name)
        monkeypatch.setattr(torch.backends.cudnn, "version", lambda version=version: version)
        seen.append(arithmetic(Levels(), torch.device("cuda")))
        assert arithmetic(Levels(), torch.device("cuda", 1)) == seen[-1]

    assert seen[0] != seen[1] != seen[2]


@pytest.mark.parametrize(
    "changed",
    [{"images": 99}, {"seed": 1}, {"extractor": Levels(version=2)}],
    ids=lambda changed: next(iter(changed)),
)
def test_statistics_of_other_protocols_are_not_taken(changed: dict[str, Any]) -> None:
    evaluator(Brightness()).evaluate(grey(4), at(4))
    Levels.seen.clear()
    evaluator(Brightness(), **changed).evaluate(grey(4), at(4))
    assert sum(Levels.seen) == 3 * changed.get("images", 100)


def test_statistics_of_other_data_are_not_taken() -> None:
    evaluator(Brightness(), reals=RealImages(Prefix(images=1000), [4, 8])).evaluate(grey(4), at(4))
    Levels.seen.clear()
    evaluator(Brightness(), reals=RealImages(Prefix(images=1000, inverted=7), [4, 8])).evaluate(grey(4), at(4))
    assert sum(Levels.seen) == 3 * 100


@pytest.mark.parametrize("damage", ["truncated", "empty", "noise", "flipped", "of other content", "of other shape"])
def test_damaged_statistics_are_computed_again(damage: str) -> None:
    first = evaluator(Brightness()).evaluate(grey(4), at(4))
    files = sorted((cache_folder() / "reals").iterdir())
    assert len(files) == 2
    originals = [file.read_bytes() for file in files]
    for file, original in zip(files, originals, strict=True):
        if damage == "of other shape":
            arrays = dict(np.load(file))
            np.savez(file, **arrays | {"covariance": arrays["covariance"][:1]})
            continue
        middle = len(original) // 2
        file.write_bytes(
            {
                "truncated": original[:middle],
                "empty": b"",
                "noise": bytes(range(256)) * 8,
                "flipped": original[:middle] + bytes([original[middle] ^ 255]) + original[middle + 1 :],
                "of other content": next(other for other in originals if other is not original),
            }[damage]
        )
    Levels.seen.clear()
    assert evaluator(Brightness()).evaluate(grey(4), at(4)) == first
    assert sum(Levels.seen) == 3 * 100
    assert [file.read_bytes() for file in files] == originals


@pytest.mark.parametrize("cache", ["file", "~no-such-user/cache"])
def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    first = evaluator(Brightness()).evaluate(grey(4), at(4))
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANKIT_CACHE", cache)
    assert evaluator(Brightness()).evaluate(grey(4), at(4)) == first


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("GANKIT_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "gankit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "gankit"
