"""MIND: its definition in numpy and scipy, what it sees, and what not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.degradations import noisy, repeated
from support.digits import digits
from support.populations import samples
from torch import Tensor

from gankit_fidelity.sliced import MongeInceptionDistance, monge_distance, wasserstein


def mind(images: np.ndarray, real: np.ndarray | None = None) -> float:
    given = samples(images, digits().real if real is None else real)
    return MongeInceptionDistance().evaluate(given)["mind"]


def directions(count: int, width: int) -> np.ndarray:
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64).numpy()
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@given(st.integers(1, 10), st.integers(1, 10), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_it_is_the_mean_over_directions_of_the_optimal_transport(one: int, other: int, width: int, seed: int) -> None:
    """Of N numbers to M, each repeated until both are N M: there the optimum is in rising order."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((one, width)), 2 * rng.standard_normal((other, width)) + 1
    squares = [
        (np.sort(np.repeat(first @ along, other)) - np.sort(np.repeat(second @ along, one))) ** 2
        for along in directions(20, width)
    ]
    found = monge_distance(torch.from_numpy(first), torch.from_numpy(second), 20)
    assert found == pytest.approx(3 * width * np.mean(squares), rel=1e-9)


def test_of_few_numbers_it_is_the_best_of_all_assignments() -> None:
    from itertools import permutations

    rng = np.random.default_rng(0)
    one, other = np.sort(rng.standard_normal((2, 4, 5)))
    for first, second, found in zip(one, other, wasserstein(one, other), strict=True):
        assert found == pytest.approx(min(((first - second[[*order]]) ** 2).mean() for order in permutations(range(5))))


@pytest.mark.parametrize("at_a_time", [1, 100, 1000])
def test_blocks_change_nothing(at_a_time: int) -> None:
    first, second = (torch.randn(count, 6, generator=torch.Generator().manual_seed(count)) for count in (40, 30))
    expected = monge_distance(first, second, 25)
    assert monge_distance(first, second, 25, at_a_time) == pytest.approx(expected, rel=1e-12)


def test_a_shift_counts_three_times_its_square() -> None:
    """Along a direction it is its share of the shift, whose square is 1 / D of the whole on average."""
    features = torch.randn(100, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = torch.full((12,), 0.5, dtype=torch.float64)
    assert monge_distance(features, features + shift, 20_000) == pytest.approx(3 * 12 * 0.25, rel=0.03)


def test_it_sees_what_mean_and_covariance_do_not_tell() -> None:
    """Half of these are at 1, half at -1, where the others are normal."""

    def drawn(seed: int, normal: bool) -> Tensor:
        numbers = torch.randn(2000, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        numbers = numbers if normal else numbers.sign()
        numbers = numbers - numbers.mean(0)
        return numbers @ torch.linalg.inv(torch.linalg.cholesky(numbers.t().cov())).t()

    assert monge_distance(drawn(0, False), drawn(1, True), 100) > 20 * monge_distance(
        drawn(0, True), drawn(1, True), 100
    )


def test_it_sees_noise_missing_classes_and_repeated_images() -> None:
    data = digits()
    best = mind(data.new)
    assert best + 5 < mind(noisy(data.new, 20)) < mind(noisy(data.new, 60)) - 10
    assert best + 5 < mind(data.new[data.classes >= 4]) < mind(data.new[data.classes >= 8]) - 10
    assert best + 2 < mind(repeated(data.new, 50)) < mind(repeated(data.new, 5)) - 10


def test_it_is_blind_to_copies_and_rises_as_images_get_fewer() -> None:
    data = digits()
    assert mind(data.real) == pytest.approx(0)
    assert mind(noisy(data.real, 3)) < mind(data.new) < mind(data.new[:250])
