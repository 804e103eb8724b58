"""Realism of single images: its definition in numpy, what it sees, and what not."""

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
from support.degradations import blurred, noisy, repeated
from support.digits import digits
from support.populations import samples

from gankit_prdc.metrics import PrecisionRecall, Realism
from gankit_prdc.neighbors import MOST, largest_ratio


def measured(images: np.ndarray) -> dict[str, float]:
    return Realism().evaluate(samples(images, digits().real))


@given(st.integers(1, 12), st.integers(4, 12), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_it_is_the_definition(images: int, reals: int, neighbors: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    generated, real = rng.standard_normal((images, 4)), rng.standard_normal((reals, 4))
    radius = np.sort(cdist(real, real))[:, neighbors]
    kept = radius <= np.median(radius)
    expected = (radius[kept] / cdist(generated, real[kept])).max(1)
    given: Any = SimpleNamespace(
        generated=SimpleNamespace(features=torch.from_numpy(generated)),
        real=SimpleNamespace(features=torch.from_numpy(real)),
    )
    found = Realism(neighbors=neighbors).evaluate(given)
    assert found == pytest.approx({"realism": expected.mean(), "realism_share": (expected >= 1).mean()}, rel=1e-6)


@pytest.mark.parametrize("block", [(2048, 4096), (7, 5), (1, 1)])
def test_blocks_change_nothing(block: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    points, centres, radius = (torch.rand(*size, generator=generator) for size in ((30, 3), (20, 3), (20,)))
    expected = (radius.numpy() / cdist(points, centres)).max(1)
    np.testing.assert_allclose(largest_ratio(points, centres, radius, block), expected, rtol=1e-6)


def test_a_copy_counts_as_a_million_even_of_a_real_that_comes_often() -> None:
    centres = torch.tensor([[1.0, 0], [1, 0], [5, 5]])
    assert largest_ratio(centres, centres, torch.tensor([0.0, 0, 2])).tolist() == [MOST] * 3
    assert largest_ratio(torch.tensor([[5.0, 6]]), centres, torch.tensor([0.0, 0, 2])).item() == pytest.approx(2)


def test_it_falls_with_quality() -> None:
    for worse, levels in ((noisy, (1, 20, 40)), (blurred, (0.3, 0.75, 1.5))):
        found = [measured(worse(digits().new, level)) for level in levels]
        for name in ("realism", "realism_share"):
            numbers = [one[name] for one in found]
            assert numbers[0] > numbers[1] + 0.05 > numbers[2] + 0.06, numbers


def test_it_tells_how_far_off_images_are_where_precision_has_none_left() -> None:
    off, far = blurred(digits().new, 2), blurred(digits().new, 4)
    assert [PrecisionRecall().evaluate(samples(some, digits().real))["precision"] for some in (off, far)] == [0, 0]
    assert measured(off)["realism"] > 1.1 * measured(far)["realism"]


def test_it_is_blind_to_collapse_and_praises_copies() -> None:
    data = digits()
    new = measured(data.new)
    for unlike in (repeated(data.new, 50), repeated(data.new, 5)):
        assert all(number > new[name] - 0.05 for name, number in measured(unlike).items())
    copies, near = measured(data.real), measured(noisy(data.real, 3))
    assert copies["realism"] > 1e5
    assert near["realism"] > 2 * new["realism"]
    assert min(copies["realism_share"], near["realism_share"]) > new["realism_share"] + 0.1


def test_too_few_reals_have_no_neighbours() -> None:
    found = Realism().evaluate(samples(digits().new[:10], digits().real[:3]))
    assert all(math.isnan(number) for number in found.values())
