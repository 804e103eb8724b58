"""Authenticity: its definition in numpy, what it sees, and what not."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from support.degradations import noisy, repeated
from support.digits import digits
from support.populations import population, samples

from gankit.evaluation.images import Samples
from gankit_memorization.metrics import Authenticity
from gankit_prdc.neighbors import numbered_nearest


def authenticity(generated: np.ndarray, trained: np.ndarray | None = None) -> float:
    data = digits()
    given = samples(generated, data.real if trained is None else trained, data.unseen)
    return Authenticity().evaluate(given)["authenticity"]


def images_of(features: np.ndarray, mirrored: np.ndarray | None = None) -> Any:
    """Images whose features are these, and those of their mirror images."""
    flipped = SimpleNamespace(features=None if mirrored is None else torch.from_numpy(mirrored))
    return SimpleNamespace(features=torch.from_numpy(features), transformed=lambda name, function: flipped)


@given(st.integers(1, 10), st.integers(1, 8), st.integers(1, 8), st.booleans(), st.integers(0, 2**32 - 1))
def test_it_is_the_definition_over_all_that_was_trained_on(
    images: int, some: int, others: int, mirrors: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    generated, flipped = rng.standard_normal((images, 3)), rng.standard_normal((2, some + others, 3))
    views = flipped if mirrors else flipped[:1]
    trained, number = views.reshape(-1, 3), np.tile(np.arange(some + others), len(views))
    apart = cdist(trained, trained)
    apart[number[:, None] == number] = np.inf
    nearest = cdist(generated, trained).argmin(1)
    expected = (cdist(generated, trained).min(1) > apart.min(1)[nearest]).mean()
    parts = [images_of(flipped[0, :some], flipped[1, :some]), images_of(flipped[0, some:], flipped[1, some:])]
    given: Any = SimpleNamespace(generated=images_of(generated), trained_on=parts, mirrors=mirrors)
    assert Authenticity().evaluate(given)["authenticity"] == pytest.approx(expected)


@pytest.mark.parametrize("block", [(2048, 4096), (7, 5), (1, 1)])
def test_the_nearest_is_found_block_by_block_and_may_be_left_out(block: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    points, others = rng.uniform(size=(2, 20, 3))
    apart = cdist(points, others)
    distance, number = numbered_nearest(torch.from_numpy(points), torch.from_numpy(others), block=block)
    np.testing.assert_array_equal(number, apart.argmin(1))
    np.testing.assert_allclose(distance, apart.min(1))
    apart[np.arange(20), number.numpy()] = np.inf
    distance, number = numbered_nearest(torch.from_numpy(points), torch.from_numpy(others), number, block)
    np.testing.assert_array_equal(number, apart.argmin(1))
    np.testing.assert_allclose(distance, apart.min(1))


def test_of_unseen_reals_about_half_are_authentic() -> None:
    assert authenticity(digits().new) == pytest.approx(0.5, abs=0.06)


def test_it_falls_for_copies_exact_or_near() -> None:
    data = digits()
    assert authenticity(data.real) == 0
    assert authenticity(noisy(data.real, 3)) < 0.02
    some = authenticity(np.concatenate([data.new[:350], data.real[:150]]))
    assert some == pytest.approx(0.7 * authenticity(data.new[:350]))


def test_copies_of_images_that_were_trained_on_twice_are_copies() -> None:
    data = digits()
    assert authenticity(data.real[:100], np.concatenate([data.real[:100], data.real[:100]])) == 0


def test_it_is_blind_to_missing_classes_repeated_images_and_bad_ones() -> None:
    data = digits()
    for images in (data.new[data.classes >= 8], repeated(data.new, 50), noisy(data.new, 60)):
        assert authenticity(images) > authenticity(data.new) - 0.03
    assert authenticity(noisy(data.new, 60)) > 0.95


def test_one_training_image_has_no_other_and_training_images_must_be_known() -> None:
    assert math.isnan(authenticity(digits().new[:5], digits().real[:1]))
    generated, real = population(digits().new[:5]), population(digits().real[:5])
    with pytest.raises(LookupError):
        Authenticity().evaluate(Samples(generated, real, real))
