"""LeCam regularization: how its means run, when it acts, and what it asks of scores."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from support.pggan import component, unused_networks
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.step import Step

SCORES = st.lists(st.floats(-9, 9, width=32), min_size=4, max_size=4).map(torch.tensor)


def penalty(memory: dict[str, Tensor], real: Tensor, fake: Tensor, **options: Any) -> Tensor | None:
    """What an update with these scores is penalized by; what is remembered moves on."""
    generator, discriminator = unused_networks()
    step = Step("discriminator", (), generator, discriminator, (), torch.zeros(4, 3, 4, 4), None, lambda _: memory)
    step.on_real, step.on_fake = (DiscriminatorOutput(score, None, {}) for score in (real, fake))
    return component("regularizer", "lecam", **options).discriminator(step)


@given(updates=st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=5), decay=st.sampled_from([0, 0.5, 0.9]))
def test_penalties_by_the_means_of_the_updates_before(updates: list[tuple[Tensor, Tensor]], decay: float) -> None:
    memory: dict[str, Tensor] = {}
    mean_of_reals = mean_of_fakes = None
    for real, fake in updates:
        given = penalty(memory, real, fake, weight=2, decay=decay)
        r, f = (sum(each.tolist()) / 4 for each in (real, fake))
        if mean_of_reals is None or mean_of_fakes is None:
            assert given is None
            mean_of_reals, mean_of_fakes = r, f
        else:
            expected = sum(max(0, score - mean_of_fakes) ** 2 for score in real.tolist()) / 2
            expected += sum(max(0, mean_of_reals - score) ** 2 for score in fake.tolist()) / 2
            torch.testing.assert_close(given, torch.tensor(expected), rtol=1e-3, atol=1e-3)
            mean_of_reals = decay * mean_of_reals + (1 - decay) * r
            mean_of_fakes = decay * mean_of_fakes + (1 - decay) * f
    assert memory.keys() == {"real", "fake"}


def test_it_draws_scores_of_either_side_towards_the_other() -> None:
    memory = {"real": torch.tensor(1.0), "fake": torch.tensor(-1.0)}
    real, fake = (
        torch.tensor([2.0, 0.0, -1.0, -3.0]).requires_grad_(),
        torch.tensor([2.0, 1.0, 0.0, -1.0]).requires_grad_(),
    )
    value = penalty(memory, real, fake, weight=2)
    assert value is not None
    of_real, of_fake = torch.autograd.grad(value, [real, fake])
    assert of_real.tolist() == [3, 1, 0, 0]  # downwards, the farther the more, and no farther than the fakes' mean
    assert of_fake.tolist() == [0, 0, -1, -2]
    assert not any(kept.requires_grad for kept in memory.values())


def test_means_run_while_the_weight_is_0_and_are_recorded() -> None:
    made = trainer(tiny(loss="hinge", regularizers={"use": "lecam", "weight": 0, "decay": 0.5}))
    first = made.iteration()
    assert "penalty.lecam.discriminator" not in first
    assert float(first["lecam.real"]) == float(first["score.real"])
    second = made.iteration()
    assert float(second["penalty.lecam.discriminator"]) == 0
    for which in ("real", "fake"):
        mean = (first[f"score.{which}"] + second[f"score.{which}"]) / 2
        torch.testing.assert_close(second[f"lecam.{which}"], mean)
        torch.testing.assert_close(made.memory["regularizers.0"][which], mean)
