"""Mode coverage: classes that are shown, and how evenly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.digits import digits
from support.populations import samples
from support.tiny import tiny

from gankit_fidelity.metrics import ModeCoverage, divergence


def stacked(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Grey images, uint8 [N, 1, H, W], three at a time in the colour channels of as many."""
    chosen = np.random.default_rng(seed).integers(len(images), size=(3, len(images)))
    return np.concatenate([images[some] for some in chosen], axis=1)


def test_the_divergence_is_that_of_the_shares() -> None:
    modes, reference = np.repeat([0, 1, 5], [1, 1, 2]), np.repeat([0, 1, 5, 7], [2, 4, 1, 1])
    expected = 0.25 * math.log(0.25 / 0.25) + 0.25 * math.log(0.25 / 0.5) + 0.5 * math.log(0.5 / 0.125)
    assert divergence(modes, reference) == pytest.approx(expected, rel=1e-12)
    assert divergence(reference, np.tile(reference, 3)) == pytest.approx(0, abs=1e-12)
    assert divergence(np.full(9, 4), np.arange(10)) == pytest.approx(math.log(10), rel=1e-12)


def test_a_mode_that_no_real_shows_counts_as_if_one_did() -> None:
    assert divergence(np.array([3]), np.array([0, 0, 0])) == pytest.approx(math.log(4), rel=1e-12)


def test_dropped_classes_are_counted() -> None:
    data = digits()
    given = [samples(data.new[data.classes >= least], data.real) for least in (0, 3, 7)]
    found = [ModeCoverage().evaluate(some) for some in given]
    assert [one["modes"] for one in found] == [len(some.generated.logits.argmax(1).unique()) for some in given]
    assert found[0]["modes"] == 10
    assert found[0]["modes"] > found[1]["modes"] > found[2]["modes"]
    assert found[0]["modes_kl"] < 0.05
    for one, left in zip(found, (10, 7, 3), strict=True):
        assert one["modes_kl"] == pytest.approx(math.log(10 / left), abs=0.25)  # shares of reals are uneven


def test_a_single_mistaken_image_makes_up_for_a_class() -> None:
    """Which is why there is the divergence beside it."""
    data = digits()
    ones, others = data.new[data.classes == 1], data.new[data.classes == 0][:1]
    found = [ModeCoverage().evaluate(samples(images, data.real)) for images in (ones, np.concatenate([ones, others]))]
    assert found[1]["modes"] == found[0]["modes"] + 1
    assert found[1]["modes_kl"] == pytest.approx(found[0]["modes_kl"], rel=0.15)


def test_uneven_classes_raise_the_divergence_alone() -> None:
    data = digits()
    uneven = np.concatenate([data.new, *[data.new[data.classes == 3]] * 10])
    found = ModeCoverage().evaluate(samples(uneven, data.real))
    assert found["modes"] == 10
    assert found["modes_kl"] > 0.3


def test_nothing_within_a_class_is_seen() -> None:
    data = digits()
    one_each = np.concatenate([data.real[:1], *(data.new[data.classes == number][:1] for number in range(10))])[1:]
    found = ModeCoverage().evaluate(samples(one_each.repeat(20, axis=0), data.real))
    assert found["modes"] == 10
    assert found["modes_kl"] < 0.05


def test_stacked_images_show_a_mode_for_each_triple() -> None:
    data = digits()
    few = data.new[data.classes < 2]
    metric = ModeCoverage(stacked=True)
    found = metric.evaluate(samples(stacked(few), stacked(data.real)))
    assert found["modes"] == 8
    assert found["modes_kl"] > 3
    plain = ModeCoverage().evaluate(samples(stacked(few), stacked(data.real)))
    assert plain["modes"] <= 10


def test_stacked_reals_cover_as_many_modes_as_there_are_images_for() -> None:
    data = digits()
    found = ModeCoverage(stacked=True).evaluate(samples(stacked(data.new, 1), stacked(data.real, 2)))
    expected = 1000 * (1 - (1 - 1 / 1000) ** 500)
    assert found["modes"] == pytest.approx(expected, rel=0.07)


def test_only_three_channels_can_be_stacked() -> None:
    assert list(ModeCoverage().problems(tiny())) == []
    assert "three channels, but those of the data set have 1" in next(iter(ModeCoverage(stacked=True).problems(tiny())))
