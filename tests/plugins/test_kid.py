"""KID: torch-fidelity's number, the closed form, and what it leaves untouched."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from gankit.evaluation.images import Samples
from gankit_fidelity.formulas import kernel_distance
from gankit_fidelity.metrics import KernelDistance


def features(seed: int, count: int, width: int = 24, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).relu()


@pytest.mark.parametrize(("one", "other", "subsets"), [(300, 300, 100), (300, 170, 100), (90, 300, 7), (1200, 1100, 3)])
def test_it_is_torch_fidelitys_to_the_bit(one: int, other: int, subsets: int) -> None:
    first, second = features(0, one), features(1, other, scale=1.1)
    size = min(one, other, 1000)
    theirs = kid_features_to_metric(
        first.double(), second.double(), kid_subsets=subsets, kid_subset_size=size, rng_seed=2020, verbose=False
    )
    mean, deviation = kernel_distance(first, second, subsets)
    if one == other:
        assert deviation is None, "of a single subset there is no spread"
        assert mean == pytest.approx(theirs[KEY_METRIC_KID_MEAN], rel=1e-12)  # theirs is the mean of as many equal ones
    else:
        assert (mean, deviation) == (theirs[KEY_METRIC_KID_MEAN], theirs[KEY_METRIC_KID_STD])


def test_it_is_the_unbiased_estimate_in_numpy() -> None:
    first, second = (some.double().numpy() for some in (features(0, 80), features(1, 80, scale=1.2)))

    def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return (one @ other.T / one.shape[1] + 1) ** 3

    def among(one: np.ndarray) -> float:
        values = kernel(one, one)
        return (values.sum() - np.trace(values)) / (len(one) * (len(one) - 1))

    expected = among(first) + among(second) - 2 * kernel(first, second).mean()
    assert kernel_distance(torch.from_numpy(first), torch.from_numpy(second)) == (
        pytest.approx(expected, rel=1e-9),
        None,
    )


def test_it_nears_the_closed_form_of_gaussians() -> None:
    """Of one dimension, the cubic kernel compares the first three moments."""

    def moments(mean: float, deviation: float) -> np.ndarray:
        return np.array([mean, mean**2 + deviation**2, mean**3 + 3 * mean * deviation**2])

    expected = (np.array([3, 3, 1]) * (moments(0.5, 1) - moments(0, 1.5)) ** 2).sum()
    draws = torch.randn(2, 20_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, deviation = kernel_distance(draws[0] + 0.5, 1.5 * draws[1], subsets=10)
    assert deviation is not None
    assert mean == pytest.approx(expected, abs=4 * deviation / math.sqrt(10))
    assert mean == pytest.approx(expected, rel=0.1)


def test_a_single_image_has_none() -> None:
    assert math.isnan(kernel_distance(features(0, 1), features(1, 50))[0])
    assert math.isnan(kernel_distance(features(0, 50), features(1, 1))[0])


def test_a_single_subset_gives_no_spread() -> None:
    first, second = features(0, 60), features(1, 60, scale=1.1)
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"kid"}),
        ({"subset_size": 50}, {"kid", "kid_std"}),
        ({"subsets": 1}, {"kid"}),
    ]
    for options, names in cases:
        samples = SimpleNamespace(generated=SimpleNamespace(features=first), real=SimpleNamespace(features=second))
        found = KernelDistance(**options).evaluate(cast("Samples", samples))
        assert found.keys() == names


def test_generators_are_left_as_they_were_and_do_not_matter() -> None:
    one, other = features(0, 60), features(1, 50)
    first = kernel_distance(one, other)
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    states = torch.get_rng_state(), str(np.random.get_state()), random.getstate()
    assert kernel_distance(one, other) == first
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (str(np.random.get_state()), random.getstate()) == states[1:]
