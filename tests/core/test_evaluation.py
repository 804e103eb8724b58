"""Evaluation: what is compared with what, what is looked at how often, and what is left untouched."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.measuring import (
    Brightness,
    BrightnessFull,
    Inverted,
    Kept,
    Levels,
    Made,
    Prefix,
    at,
    digits,
    evaluator,
    grey,
    registered,
)
from torch import Tensor

from gankit import Metric
from gankit.core import registry
from gankit.data.images import RealImages, to_network_range
from gankit.evaluation.images import Features, Samples
from gankit.evaluation.passes import for_extractor
from gankit.evaluation.reference import split
from gankit.kinds.callbacks import Row


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, nothing seen yet."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with registered():
        yield


def values(rows: list[Row]) -> dict[str, float]:
    return {row.name: row.value for row in rows}


def only(rows: list[Row], name: str) -> dict[str, Any]:
    (protocol,) = (row.protocol for row in rows if row.name == name)
    assert protocol is not None
    return protocol


# --- what is compared with what ---------------------------------------------------------------------------------------


@given(reals=st.integers(1, 60), images=st.integers(1, 80), seed=st.integers(0, 2**40))
def test_held_out_reals_are_never_compared_with_themselves(reals: int, images: int, seed: int) -> None:
    some = RealImages(Prefix(images=reals), [8])
    parts = split(some, images, seed)
    reference, held_out, beside = (part.chosen.tolist() for part in parts[:3])
    assert len(reference) == min(images, reals)
    assert len(held_out) == len(beside)
    assert not set(held_out) & set(beside)
    assert all(len(set(part)) == len(part) for part in (reference, held_out, beside))
    if reals >= 2 * images:
        assert len(held_out) == images
        assert beside == reference
    else:
        assert len(held_out) == min(images, reals // 2)
    assert [part.chosen.tolist() for part in split(some, images, seed)[:3]] == [reference, held_out, beside]


def test_which_part_an_image_plays_depends_on_its_pixels_alone() -> None:
    few, more = (RealImages(Prefix(images=images), [8]) for images in (200, 201))
    first, second = (split(reals, 50, seed=0) for reals in (few, more))
    for one, other in zip(first[:3], second[:3], strict=True):
        assert len(set(one.chosen.tolist()) - set(other.chosen.tolist())) <= 1
    assert first.reference.chosen.tolist() != split(few, 50, seed=1).reference.chosen.tolist()


def test_a_data_set_with_a_test_part_holds_that_against_the_reals() -> None:
    reals, test = RealImages(Prefix(images=100), [8]), RealImages(Prefix(images=30, inverted=3), [8])
    parts = split(reals, 60, seed=0, test=test)
    assert (parts.held_out.reals, len(parts.held_out.chosen)) == (test, 30)
    assert parts.control is parts.reference
    assert parts.stated == "test part of the data set"


def test_numbers_are_those_of_the_chosen_reals() -> None:
    rows = evaluator(Brightness(), BrightnessFull()).evaluate(grey(4), at(4))
    images = digits()
    parts = split(images, 100, 0)
    real, full = (images.at(size).astype(float).mean((1, 2, 3)) for size in (4, 8))
    assert values(rows) == pytest.approx(
        {
            "brightness": 128 - real[parts.reference.chosen].mean(),
            "brightness_floor": real[parts.held_out.chosen].mean() - real[parts.reference.chosen].mean(),
            "brightness_full": 128 - full[parts.reference.chosen].mean(),
        }
    )
    assert {(row.images, row.stage, row.resolution) for row in rows} == {(96, 1, 4)}


def test_the_protocol_tells_how_each_number_was_come_by() -> None:
    rows = evaluator(Brightness(), BrightnessFull(), seed=3).evaluate(grey(4), at(4))
    assert only(rows, "brightness") == {
        "metric": {"use": "test/brightness"},
        "version": 1,
        "better": "lower",
        "of": "generated",
        "images": 100,
        "resolution": 4,
        "reals": 100,
        "real_resolutions": [4],
        "data": digits().fingerprint,
        "extractor": "levels-1",
        "resize": "none",
        "seed": 3,
        "seeds": 1,
        "held_out": "others by hash of the image",
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

    rows = evaluator(Inverted()).evaluate(Made(never), at(4))
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
        return grey(4).function(first, count)

    measured = evaluator(Brightness(), BrightnessFull(), Inverted())
    measured.evaluate(Made(generate), at(4))
    assert asked == [(0, 64), (64, 36)]
    assert sum(Levels.seen) == 5 * 100  # generated, reference, full reference, held out, their negatives

    Levels.seen.clear()
    measured.evaluate(Made(generate), at(4))
    assert sum(Levels.seen) == 100

    Levels.seen.clear()
    measured.evaluate(grey(8), at(8))
    assert sum(Levels.seen) == 3 * 100  # the full reference is known


def test_metrics_of_images_alone_load_no_extractor() -> None:
    class Missing(Levels):
        def load(self, device: torch.device) -> Callable[[Tensor], Features]:
            raise AssertionError("no extractor is needed")

    class Darkest(Metric):
        """The darkest pixel of all."""

        needs = frozenset({"images"})

        def evaluate(self, samples: Samples) -> dict[str, float]:
            return {"darkest": float(samples.generated.images.min()), "least": float(samples.real.images.min())}

    registry.register("test", "darkest", Darkest)
    rows = evaluator(Darkest(), extractor=Missing()).evaluate(grey(4), at(4))
    assert values(rows)["darkest"] == 128
    assert only(rows, "least")["extractor"] == "none"


# --- what is left untouched, and what is refused ----------------------------------------------------------------------


def test_random_numbers_go_on_as_if_nothing_had_been_measured() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state().tolist(), pickle.dumps(np.random.get_state()), random.getstate()
    evaluator(Brightness(), BrightnessFull()).evaluate(grey(4), at(4))
    assert before == (torch.get_rng_state().tolist(), pickle.dumps(np.random.get_state()), random.getstate())


def test_a_metric_of_diverged_images_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluator(Brightness()).evaluate(grey(4, float("nan")), at(4)) == []
    assert "diverged" in capsys.readouterr().err


def test_a_metric_that_fails_is_left_out_reported_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    measuring = evaluator(Kept(), Brightness())
    for _ in range(3):
        assert {row.name for row in measuring.evaluate(grey(4), at(4))} == {"brightness", "brightness_floor"}
    (first,) = capsys.readouterr().err.splitlines()
    assert "metric test/kept failed at 96 images: LookupError: a metric asks for 'logits' without naming it" in first
    measuring.sum_up()
    assert capsys.readouterr().err == "gankit: metric test/kept failed in 3 of 3 calls\n"


def test_images_of_another_size_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluator(Brightness()).evaluate(grey(8), at(4)) == []
    assert "expected generated images [64, 1, 4, 4], not [64, 1, 8, 8]" in capsys.readouterr().err


def test_extractors_see_three_channels_of_the_same_bytes() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(for_extractor(to_network_range(levels)), levels.expand(1, 3, 16, 16))
    colours = torch.arange(192, dtype=torch.uint8).reshape(1, 3, 8, 8)
    assert torch.equal(for_extractor(to_network_range(colours)), colours)
