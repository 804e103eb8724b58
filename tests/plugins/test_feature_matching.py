"""Feature matching: which features, and which network they move."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.parts import with_training
from support.pggan import component, unused_networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.config.parts import description_of_parts
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step


def penalty(real: Tensor, fake: Tensor, **options: Any) -> Tensor:
    """What it gives of feature maps at 4x4, with others at 8x8 that are not looked at."""
    generator, discriminator = unused_networks()
    step = Step("generator", (), generator, discriminator, (), torch.zeros(len(real), 3, 8, 8), None, lambda _: {})
    outer = torch.randn(len(real), 5, 8, 8)
    step.on_real = DiscriminatorOutput(torch.zeros(len(real)), None, {8: outer, 4: real})
    step.on_fake = DiscriminatorOutput(torch.zeros(len(fake)), None, {8: -outer, 4: fake})
    return component("regularizer", "feature-matching", **options).generator(step)


@settings(max_examples=20)
@given(seed=st.integers(0, 999), batch=st.integers(1, 5), weight=st.floats(0, 9))
def test_the_squared_distance_of_the_means(seed: int, batch: int, weight: float) -> None:
    torch.manual_seed(seed)
    real, fake = (torch.randn(batch, 2, 4, 4).requires_grad_() for _ in range(2))
    value = penalty(real, fake, weight=weight)
    expected, difference = 0.0, (real - fake).detach()
    for channel in range(2):
        for y in range(4):
            for x in range(4):
                expected += float(difference[:, channel, y, x].mean()) ** 2
    torch.testing.assert_close(value, torch.tensor(weight * expected), rtol=1e-4, atol=1e-5)
    of_real, of_fake = torch.autograd.grad(value, [real, fake], allow_unused=True)
    assert of_real is None
    assert of_fake is not None
    assert float(penalty(real, real.flip(0)).detach()) < 1e-9  # which is which does not matter


def test_it_moves_the_generator_alone_and_users_are_told_of_parts() -> None:
    experiment = tiny(loss="hinge", regularizers={"use": "feature-matching", "weight": 0.5})
    record = trainer(experiment).iteration()
    assert float(record["penalty.feature-matching.generator"]) > 0
    assert "penalty.feature-matching.discriminator" not in record
    said = description_of_parts(with_training(experiment, micro_batch={0: 4}))
    assert said is not None
    assert "feature-matching" in said
