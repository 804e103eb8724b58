"""FID of infinitely many images: the line by plain numpy, the bias that it takes away, and what is left."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.degradations import noisy
from support.digits import digits
from support.populations import samples
from support.tiny import tiny
from torch import Tensor

from gankit.data.images import permutation
from gankit.evaluation.statistics import RunningStatistics, Statistics
from gankit_fidelity.extrapolated import DistanceFrom, ExtrapolatedFrechetDistance, sizes
from gankit_fidelity.formulas import frechet_distance
from gankit_fidelity.metrics import FrechetDistance


def features(seed: int, count: int, width: int = 8, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def statistics(some: Tensor) -> Statistics:
    running = RunningStatistics()
    running.add(some)
    return running.result()


def given_features(generated: Tensor, real: Tensor) -> Any:
    return SimpleNamespace(
        generated=SimpleNamespace(features=generated, statistics=statistics(generated)),
        real=SimpleNamespace(features=real, statistics=statistics(real)),
    )


def plain_distance(one: np.ndarray, other: np.ndarray) -> float:
    first, second = np.cov(one.T), np.cov(other.T)
    apart = one.mean(0) - other.mean(0)
    roots = np.real(np.sqrt(np.linalg.eigvals(first @ second).astype(complex)))  # those of the root of the product
    return float(apart @ apart + np.trace(first + second) - 2 * roots.sum())


@given(st.integers(20, 60), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_it_is_the_line_of_numpy_through_plain_distances(images: int, points: int, seed: int) -> None:
    generated, real = features(seed % 2**31, images, 3, 1.2), features(seed % 2**31 + 1, 50, 3)
    counts = np.linspace(int(0.3 * images), images, points).round().astype(int)
    parts = [generated.numpy()[permutation(images, 0, point)[:count]] for point, count in enumerate(counts)]
    distances = [plain_distance(part, real.numpy()) for part in parts]
    _, expected = np.polyfit(1 / counts, distances, 1)
    found = ExtrapolatedFrechetDistance(points=points, least=0.3).evaluate(given_features(generated, real))
    assert found["fid_infinity"] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_distances_are_those_of_fid_even_where_images_are_fewer_than_features() -> None:
    reference = statistics(features(0, 200))
    for count in (5, 9, 300):
        other = statistics(features(1, count, scale=1.3) + 0.2)
        assert DistanceFrom(reference).to(other) == pytest.approx(frechet_distance(other, reference), rel=1e-6)
        assert DistanceFrom(other).to(reference) == pytest.approx(frechet_distance(other, reference), rel=1e-6)


def test_it_takes_away_the_bias_by_the_number_of_images() -> None:
    """The distance of these two is known: 16 features whose deviations are 1 and 1.1, 0.5 apart."""
    due, real = 16 * (0.5**2 + 0.1**2), given_features(features(0, 2), features(0, 100_000, 16)).real
    found: dict[str, list[float]] = {"fid": [], "fid_infinity": []}
    for seed in range(1, 6):
        generated = features(seed, 1000, 16, 1.1) + 0.5
        sample = given_features(generated, features(0, 2))
        sample.real = real
        for name, number in (
            FrechetDistance().evaluate(sample) | ExtrapolatedFrechetDistance().evaluate(sample)
        ).items():
            found[name].append(number - due)
    biased, extrapolated = np.mean(found["fid"]), np.mean(found["fid_infinity"])
    assert biased > 0.05
    assert abs(extrapolated) < biased / 2


def test_it_sees_noise_and_hardly_the_number_of_images() -> None:
    data = digits()
    numbers = [
        ExtrapolatedFrechetDistance().evaluate(samples(images, data.real))["fid_infinity"]
        for images in (data.new, data.new[:250], noisy(data.new, 20), noisy(data.new, 60))
    ]
    assert numbers[1] == pytest.approx(numbers[0], abs=0.15)
    assert numbers[0] + 1 < numbers[2] < numbers[3] - 10


def test_it_is_blind_to_copies() -> None:
    data = digits()
    copies, new = (ExtrapolatedFrechetDistance().evaluate(samples(some, data.real)) for some in (data.real, data.new))
    assert copies["fid_infinity"] == pytest.approx(new["fid_infinity"], abs=0.15)


def test_too_few_images_have_none_and_are_refused_with_both_ways_out() -> None:
    data = digits()
    for generated, real in ((19, 100), (100, 1)):
        given = samples(data.new[:generated], data.real[:real])
        assert math.isnan(ExtrapolatedFrechetDistance().evaluate(given)["fid_infinity"])
    few = tiny(evaluation={"metrics": "fid_infinity", "images": 16})
    (said,) = few.evaluation.metrics[0].problems(few)
    expected = "evaluation.images: the fewest images that are compared, 0.1 of 16, must be at least 2"
    assert said == f"{expected}; give at least 20, or a larger `least`"


@given(st.integers(2, 300), st.integers(2, 40), st.floats(0.01, 0.99))
def test_there_are_always_two_numbers_of_images_to_draw_a_line_through(images: int, points: int, least: float) -> None:
    counts = sizes(images, points, least)
    assert counts[0] < counts[-1] == images
    assert counts == sorted(counts)
