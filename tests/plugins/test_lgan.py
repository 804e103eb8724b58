"""The penalty on the steepest place of a batch."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.discriminators import discriminator_options
from support.parts import with_training
from support.pggan import component, unused_networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.config.checks import problems
from gankit.config.parts import description_of_parts
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step


class Bowl(torch.nn.Module):
    """Scores are half the sum of squares, so that the gradient is the image."""

    def forward(self, images: Tensor, labels: None) -> DiscriminatorOutput:
        return DiscriminatorOutput(images.square().sum((1, 2, 3)) / 2, None, {})


@settings(max_examples=20)
@given(seed=st.integers(0, 999), batch=st.integers(1, 6), weight=st.floats(0, 9))
def test_the_value_is_the_largest_squared_norm(seed: int, batch: int, weight: float) -> None:
    torch.manual_seed(seed)
    (generator, _), real, fake = unused_networks(), torch.randn(batch, 3, 4, 4), torch.randn(batch, 3, 4, 4)
    step = Step("discriminator", (), generator, Bowl(), (), real, None, lambda _: {})  # pyright: ignore[reportArgumentType]
    step.fake, share = fake, torch.rand(batch, 1, 1, 1)
    step.per_sample = lambda draw, *shape: share
    value = component("regularizer", "max-gradient-penalty", weight=weight).discriminator(step)
    points = real + (fake - real) * share
    torch.testing.assert_close(value, weight * max(point.square().sum() for point in points))


def test_it_acts_on_the_discriminator_and_says_what_parts_make_of_it() -> None:
    experiment = tiny(regularizers={"use": "max-gradient-penalty", "weight": 10})
    record = trainer(experiment).iteration()
    assert float(record["penalty.max-gradient-penalty.discriminator"]) > 0
    assert description_of_parts(experiment) is None
    said = description_of_parts(with_training(experiment, micro_batch={0: 4}))
    assert said is not None
    assert "max-gradient-penalty" in said


def test_norms_across_the_batch_are_refused() -> None:
    options = discriminator_options(tiny()).model_dump()
    (found,) = problems(tiny(discriminator=options | {"norm": "batch"}, regularizers="max-gradient-penalty"))
    assert "discriminator.norm mixes the samples of a batch" in found[1]
