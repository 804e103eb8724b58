"""Evaluation: what is compared with what, what is looked at how often, and what is left untouched."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from core.tiny import tiny
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gankit import Dataset, Extractor, LabelledImages, Metric, UserError, registry
from gankit.data import RealImages, to_network_range
from gankit.evaluation import Evaluator, split
from gankit.observing import Progress, Row
from gankit.plugins import plugins
from gankit.samples import Features, Samples, for_extractor
from gankit.statistics import RunningStatistics, Statistics
from gankit.statistics_cache import cache_folder

CPU = torch.device("cpu")


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
    """The same at the final resolution, and once more from the features."""

    needs = frozenset({"statistics", "features"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        torch.rand(3)  # a metric that draws
        difference = samples.generated.features[:, 0].mean() - samples.real_full.statistics.mean[0]
        return {"brightness_full": float(difference)}


class Inverted(Metric):
    """A yardstick: the brightness of reals turned to their negatives."""

    needs = frozenset({"statistics"})
    yardstick = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        negatives = samples.generated.mapped("negative", torch.neg)
        return {"inverted": negatives.statistics.mean[0] + samples.generated.statistics.mean[0]}


class Prefix(Dataset):
    """The first digits at 8x8, one of them turned to its negative if asked for."""

    images: int
    inverted: int | None = None

    @property
    def channels(self) -> int:
        return 1

    def load(self, resolution: int) -> LabelledImages:
        images = digits().at(resolution)[: self.images].copy()
        if self.inverted is not None:
            images[self.inverted] ^= 255
        return LabelledImages(images, None)


class Kept(Metric):
    """The mean of a part of the generated population that its `needs` do not name."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        return {"kept": float(samples.generated.logits.mean())}


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Components of this file, a cache of its own, nothing seen yet."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
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
    defaults = {"metrics": list(metrics), "images": 100, "extractor": Levels(), "batch": 32}
    return Evaluator(tiny(evaluation=defaults | options), reals or digits(), CPU)


def grey(resolution: int, level: float = 0.0) -> Callable[[int, int], Tensor]:
    return lambda first, count: torch.full((count, 1, resolution, resolution), level)


def at(resolution: int) -> Progress:
    return Progress(96, 96, {4: 1, 8: 2}[resolution], 2, resolution, 1.0)


def values(rows: list[Row]) -> dict[str, float]:
    return {row.name: row.value for row in rows}


def only(rows: list[Row], name: str) -> dict[str, Any]:
    (protocol,) = (row.protocol for row in rows if row.name == name)
    assert protocol is not None
    return protocol


# --- what is compared with what ---------------------------------------------------------------------------------------


@given(reals=st.integers(1, 60), images=st.integers(1, 80), seed=st.integers(0, 2**40))
def test_held_out_reals_are_never_compared_with_themselves(reals: int, images: int, seed: int) -> None:
    parts = split(reals, images, seed)
    assert len(parts.reference) == min(images, reals)
    assert len(parts.held_out) == len(parts.beside)
    assert not set(parts.held_out.tolist()) & set(parts.beside.tolist())
    assert all(len(set(part.tolist())) == len(part) for part in parts)
    if reals >= 2 * images:
        assert len(parts.held_out) == images
        assert parts.beside is parts.reference
    else:
        assert len(parts.held_out) == min(images, reals // 2)
    for part, again in zip(parts, split(reals, images, seed), strict=True):
        np.testing.assert_array_equal(part, again)


def test_numbers_are_those_of_the_chosen_reals() -> None:
    rows = evaluator(Brightness(), BrightnessFull()).evaluate(grey(4), at(4))
    parts, images = split(1797, 100, 0), digits()
    real, full = (images.at(size).astype(float).mean((1, 2, 3)) for size in (4, 8))
    assert values(rows) == pytest.approx(
        {
            "brightness": 128 - real[parts.reference].mean(),
            "brightness_floor": real[parts.held_out].mean() - real[parts.reference].mean(),
            "brightness_full": 128 - full[parts.reference].mean(),
        }
    )
    assert {(row.images, row.stage, row.resolution) for row in rows} == {(96, 1, 4)}


def test_the_protocol_tells_how_each_number_was_come_by() -> None:
    rows = evaluator(Brightness(), BrightnessFull(), seed=3).evaluate(grey(4), at(4))
    assert only(rows, "brightness") == {
        "metric": {"use": "test/brightness"},
        "version": 1,
        "of": "generated",
        "images": 100,
        "resolution": 4,
        "reals": 100,
        "real_resolutions": [4],
        "data": digits().fingerprint,
        "extractor": "levels-1",
        "resize": "none",
        "seed": 3,
        "batch": 32,
    }
    assert only(rows, "brightness_floor") == only(rows, "brightness") | {"of": "held-out reals"}
    full = {"metric": {"use": "test/brightnessfull"}, "real_resolutions": [8]}
    assert only(rows, "brightness_full") == only(rows, "brightness") | full
    for row in rows:
        assert json.loads(json.dumps(row.protocol)) == row.protocol


def test_a_data_set_too_small_for_others_is_halved_for_the_floor() -> None:
    rows = evaluator(Brightness(), images=1000).evaluate(grey(4), at(4))
    assert (only(rows, "brightness")["images"], only(rows, "brightness")["reals"]) == (1000, 1000)
    assert (only(rows, "brightness_floor")["images"], only(rows, "brightness_floor")["reals"]) == (898, 898)


def test_a_single_real_has_no_floor() -> None:
    one = RealImages(Prefix(images=1), [4, 8])
    assert list(values(evaluator(Brightness(), reals=one).evaluate(grey(4), at(4)))) == ["brightness"]


def test_a_yardstick_measures_reals_alone() -> None:
    def never(first: int, count: int) -> Tensor:
        raise AssertionError("no images are needed")

    rows = evaluator(Inverted()).evaluate(never, at(4))
    assert values(rows) == pytest.approx({"inverted": 255})
    assert only(rows, "inverted")["of"] == "held-out reals"


def test_without_metrics_nothing_is_loaded_or_generated() -> None:
    class Missing(Levels):
        def load(self, device: torch.device) -> Callable[[Tensor], Features]:
            raise AssertionError("no extractor is needed")

    assert evaluator(extractor=Missing()).evaluate(grey(4), at(4)) == []


# --- what is looked at how often --------------------------------------------------------------------------------------


def test_every_image_is_looked_at_once() -> None:
    asked: list[tuple[int, int]] = []

    def generate(first: int, count: int) -> Tensor:
        asked.append((first, count))
        return grey(4)(first, count)

    measured = evaluator(Brightness(), BrightnessFull(), Inverted())
    measured.evaluate(generate, at(4))
    assert asked == [(0, 32), (32, 32), (64, 32), (96, 4)]
    assert sum(Levels.seen) == 5 * 100  # generated, reference, full reference, held out, their negatives

    Levels.seen.clear()
    measured.evaluate(generate, at(4))
    assert sum(Levels.seen) == 100

    Levels.seen.clear()
    measured.evaluate(grey(8), at(8))
    assert sum(Levels.seen) == 3 * 100  # the full reference is known


def test_statistics_of_reals_outlive_the_process() -> None:
    first = evaluator(Brightness(), Inverted()).evaluate(grey(4), at(4))
    Levels.seen.clear()
    again = evaluator(Brightness(), Inverted()).evaluate(grey(4), at(4))
    assert again == first
    assert sum(Levels.seen) == 100  # the generated


@pytest.mark.parametrize(
    "changed",
    [{"images": 99}, {"seed": 1}, {"extractor": Levels(version=2)}, {"batch": 50}],
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
    files = sorted((cache_folder() / "statistics").iterdir())
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


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluator(Brightness()).evaluate(grey(4), at(4))
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "file"))
    assert evaluator(Brightness()).evaluate(grey(4), at(4)) == first


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("GANKIT_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "gankit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "gankit"


# --- what is left untouched, and what is refused ----------------------------------------------------------------------


def test_random_numbers_go_on_as_if_nothing_had_been_measured() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state().tolist(), pickle.dumps(np.random.get_state()), random.getstate()
    evaluator(Brightness(), BrightnessFull()).evaluate(grey(4), at(4))
    assert before == (torch.get_rng_state().tolist(), pickle.dumps(np.random.get_state()), random.getstate())


def test_diverged_images_are_refused() -> None:
    with pytest.raises(UserError, match="diverged"):
        evaluator(Brightness()).evaluate(grey(4, float("nan")), at(4))


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected generated images \[32, 1, 4, 4\], not \[32, 1, 8, 8\]"):
        evaluator(Brightness()).evaluate(grey(8), at(4))


def test_what_no_metric_needs_is_not_kept() -> None:
    with pytest.raises(LookupError, match="'logits' without naming it"):
        evaluator(Kept()).evaluate(grey(4), at(4))


def test_extractors_see_three_channels_of_the_same_bytes() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(for_extractor(to_network_range(levels)), levels.expand(1, 3, 16, 16))
    colours = torch.arange(192, dtype=torch.uint8).reshape(1, 3, 8, 8)
    assert torch.equal(for_extractor(to_network_range(colours)), colours)


# --- statistics -------------------------------------------------------------------------------------------------------


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
    statistics: Statistics = running.result()
    assert statistics.mean.tolist() == [1, 1, 1]
    assert np.isnan(statistics.covariance).all()
