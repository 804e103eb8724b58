"""Noise on what the discriminator sees."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pggan import component
from support.tiny import tiny, trainer

from gankit.training.step import BEGINNING, AugmentedBatch


@settings(max_examples=20)
@given(sigma=st.sampled_from([0.0, 0.1, 2.0]), real=st.booleans(), seed=st.integers(0, 99))
def test_noise_of_the_deviation_is_added_to_each_pixel(sigma: float, real: bool, seed: int) -> None:
    torch.manual_seed(seed)
    images = torch.rand(4, 3, 32, 32).requires_grad_()
    batch = AugmentedBatch(None, real, BEGINNING, {}, lambda name, value: None)
    made = component("augmentation", "instance-noise", sigma=sigma).apply(images, batch)
    noise = (made - images).detach()
    assert float(noise.std()) == pytest.approx(sigma, rel=0.05)
    assert float(noise.mean()) == pytest.approx(0, abs=0.05 * sigma + 1e-9)
    pixels = noise.reshape(4, 3, -1)
    assert sigma == 0 or float(torch.corrcoef(pixels.flatten(0, 1)).triu(1).abs().max()) < 0.2  # all of their own
    assert torch.equal(torch.autograd.grad(made.sum(), images)[0], torch.ones_like(images))


def test_it_is_over_when_the_schedule_says_so() -> None:
    fading = {"use": "instance-noise", "sigma": {"use": "linear", "start": 1, "end": 0, "over": 16}}
    made = trainer(tiny(augment=fading))
    images = torch.zeros(2, 1, 4, 4)
    noise = []
    for _ in range(4):
        made.iteration()
        (augment,) = made.experiment.augment
        batch = AugmentedBatch(None, True, made.now, {}, lambda name, value: None)
        noise.append(float(augment.apply(images, batch).abs().max()))
    assert noise[0] > 1
    assert noise[2:] == [0, 0]
