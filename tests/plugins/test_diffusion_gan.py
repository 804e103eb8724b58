"""Noise of a diffusion: how strong it is after how many steps, how many are drawn, and that they follow overfitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.training.step import BEGINNING, AugmentedBatch


def shown(images: Tensor, p: float, seed: int = 0, **options: Any) -> Tensor:
    torch.manual_seed(seed)
    batch = AugmentedBatch(None, True, BEGINNING, {"p": torch.tensor(p)}, lambda name, value: None)
    return component("augmentation", "diffusion-noise", **options).apply(images, batch)


def factors(count: int, p: float, seed: int = 0, **options: Any) -> np.ndarray:
    """What each image was multiplied by, with no noise to speak of."""
    ones = torch.ones(count, 1, 2, 2, dtype=torch.float64)
    return shown(ones, p, seed, sigma=1e-12, **options)[:, 0, 0, 0].numpy()


def table(steps: int) -> np.ndarray:
    """The factor after each number of steps, by a loop as the paper has it."""
    product, found = 1.0, [1.0]
    for step in range(steps):
        product *= 1 - (1e-4 + (0.02 - 1e-4) * step / max(steps - 1, 1))
        found.append(product**0.5)
    return np.array(found)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 300),
    fewest=st.integers(1, 20),
    p=st.floats(0, 2),
    drawn=st.sampled_from(["uniform", "priority"]),
    seed=st.integers(0, 99),
)
def test_half_of_the_images_are_taken_as_many_steps_as_there_may_be(
    steps: int, fewest: int, p: float, drawn: str, seed: int
) -> None:
    found = factors(200, p, seed, steps=steps, fewest=fewest, steps_drawn=drawn)
    most = min(steps, int(fewest + min(p, 1) * (steps - fewest))) if fewest <= steps else steps
    known = table(steps)
    nearest = np.abs(found[:, None] - known).argmin(1)

    np.testing.assert_allclose(found, known[nearest], rtol=0, atol=1e-9)
    assert 0.35 < (nearest == 0).mean() < 0.65
    assert nearest.max() <= most


@pytest.mark.parametrize("drawn", ["uniform", "priority"])
def test_steps_are_drawn_as_the_paper_says(drawn: str) -> None:
    found, known = factors(40_000, 1, steps=8, fewest=1, steps_drawn=drawn), table(8)
    counts = np.bincount(np.abs(found[:, None] - known).argmin(1), minlength=9)[1:]
    shares = np.arange(1, 9) / 36 if drawn == "priority" else np.full(8, 1 / 8)

    np.testing.assert_allclose(counts / counts.sum(), shares, atol=0.01)


def test_noise_grows_with_the_steps_and_gradients_come_through() -> None:
    images = torch.zeros(4000, 1, 2, 2, requires_grad=True)
    made = shown(images, 1, steps=1000, sigma=0.5, steps_drawn="priority").flatten(1)

    noised = made[(made != 0).all(1)].detach()
    assert len(noised) == pytest.approx(2000, abs=150)
    # the mean of sigma**2 (1 - a_t**2) under t's share
    variance = 0.25 * np.average(1 - table(1000)[1:] ** 2, weights=np.arange(1, 1001))
    assert float(noised.var()) == pytest.approx(variance, rel=0.05)
    [gradient] = torch.autograd.grad(made.sum(), images)
    assert float(gradient.min()) > 0


def test_it_follows_how_sure_the_discriminator_is_and_runs_record_it() -> None:
    made = trainer(tiny(augment={"use": "diffusion-noise", "target": -1, "over": 64, "interval": 1}))
    made.iteration()
    shown_of = made.iteration()

    assert float(shown_of["diffusion.p"]) > 0
    assert -1 <= float(shown_of["diffusion.r"]) <= 1
