"""Averages of any length are made of the snapshots of two: on weights that wander, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pggan import component
from torch import Tensor, nn

from gankit.core.progress import Stage, progress_in
from gankit.training.profiles import LONGEST, SHORTEST, Profile, exponent_of, mixture


class Followed:
    """Averages of one trajectory of weights, as training moves them: of lengths, by batches of any sizes."""

    def __init__(self, lengths: list[float], weights: int = 6) -> None:
        self.current = nn.Linear(weights, 1, bias=False).double()
        self.averages = {length: nn.Linear(weights, 1, bias=False).double() for length in lengths}
        self.components = {length: component("average", "power", length=length) for length in lengths}
        self.memories: dict[float, dict[str, Tensor]] = {length: {} for length in lengths}
        self.images = 0

    @torch.no_grad()
    def move(self, weights: Tensor, batch: int, stages: list[Stage], stage: int = 1) -> None:
        self.current.weight.copy_(weights)
        now = progress_in(stages, stage, self.images)
        for length, average in self.averages.items():
            self.components[length].move(average, self.current, now, batch, self.memories[length])  # pyright: ignore
        self.images += batch

    def at(self, length: float) -> Tensor:
        return self.averages[length].weight.detach().clone()


def test_lengths_and_exponents_belong_together() -> None:
    assert exponent_of(0.1) == pytest.approx(6.94, abs=0.005)  # as the paper has them
    assert exponent_of(0.05) == pytest.approx(16.97, abs=0.005)
    for length in (SHORTEST, 0.01, 0.1, 0.2, LONGEST):
        g = exponent_of(length)
        assert math.sqrt((g + 1) / ((g + 2) ** 2 * (g + 3))) == pytest.approx(length, rel=1e-9)
    assert exponent_of(LONGEST) >= 0


@given(st.lists(st.integers(1, 300), min_size=2, max_size=40), st.floats(0.02, 0.28), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_update_is_exact_whatever_the_batches(batches: list[int], length: float, seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    path, followed = torch.randn(len(batches), 6, generator=draws, dtype=torch.float64), Followed([length])
    for weights, batch in zip(path, batches, strict=True):
        followed.move(weights, batch, [Stage(4, sum(batches))])
    ends = np.cumsum([0, *batches]) / sum(batches)
    shares = np.diff(ends ** (exponent_of(length) + 1))  # the integral of the profile over each batch
    expected = (torch.from_numpy(shares)[:, None] * path).sum(0)
    torch.testing.assert_close(followed.at(length)[0], expected, rtol=1e-9, atol=1e-12)


@given(st.sampled_from([0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2]), st.integers(4, 40), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_any_length_is_made_of_the_snapshots_of_two(wanted: float, snapshots: int, seed: int) -> None:
    """It deviates by no more than the profiles do, in the mean square, times what the weights do (Cauchy-Schwarz)."""
    updates, batch, kept = 400, 16, [0.05, 0.15]
    path = torch.randn(updates, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).cumsum(0)
    followed = Followed([*kept, wanted])
    profiles: list[Profile] = []
    tensors: list[Tensor] = []
    for number, weights in enumerate(path, 1):
        followed.move(weights, batch, [Stage(4, updates * batch)])
        if number * snapshots // updates > (number - 1) * snapshots // updates:
            profiles += [Profile(length, followed.images) for length in kept]
            tensors += [followed.at(length) for length in kept]
    found = mixture(profiles, Profile(wanted, followed.images))
    assert sum(found.shares) == pytest.approx(1, abs=1e-9)
    made = sum(share * tensor for share, tensor in zip(found.shares, tensors, strict=True))
    g = exponent_of(wanted)
    norm = (g + 1) / math.sqrt(2 * g + 1)  # of the wanted profile over times from 0 to 1
    deviation = (path - path.mean(0)).square().mean().sqrt() * math.sqrt(6)
    assert (made - followed.at(wanted)).norm() <= found.error * norm * deviation + 1e-6


def test_a_length_that_was_kept_is_what_was_kept() -> None:
    profiles = [Profile(length, images) for images in (500, 1000, 1500, 2000) for length in (0.05, 0.1)]
    found = mixture(profiles, Profile(0.1, 2000))
    assert found.error < 1e-6
    assert found.shares == pytest.approx([0] * 7 + [1], abs=1e-5)


def test_more_snapshots_come_nearer_and_what_cannot_be_made_is_told_by_its_error() -> None:
    def error(count: int, wanted: float) -> float:
        kept = [Profile(length, 1000 * (number + 1) // count) for number in range(count) for length in (0.05, 0.1)]
        return mixture(kept, Profile(wanted, 1000)).error

    assert error(4, 0.15) > error(8, 0.15) > error(16, 0.15) > error(64, 0.15)
    assert error(64, 0.15) < 1e-3
    assert error(8, 0.01) > 0.4


def test_weights_are_averaged_from_the_beginning_of_their_resolution_alone() -> None:
    stages = [Stage(4, 64), Stage(8, 64), Stage(8, 64, name="tuning")]
    followed = Followed([0.1])
    for _ in range(8):
        followed.move(torch.full((1, 6), 100.0), 8, stages, 1)
    followed.images += 3  # as the last batch of a stage may go past its end
    for number, weight in enumerate([1.0, 1.0, 3.0]):
        followed.move(torch.full((1, 6), weight), 8, stages, 2 + number // 2)
    share = 1 - (19 / 27) ** (exponent_of(0.1) + 1)
    torch.testing.assert_close(followed.at(0.1), torch.full((1, 6), 1 + 2 * share, dtype=torch.float64))
