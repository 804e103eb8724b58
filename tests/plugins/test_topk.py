"""Top-k training: which fakes the generator learns from, under any other loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.parts import with_training
from support.pggan import component
from support.tiny import tiny, trainer

from gankit.config.parts import description_of_parts

LOSSES = ("non-saturating", "hinge", "wgan", "relativistic")


@settings(max_examples=40)
@given(
    scores=st.lists(st.integers(-80, 80).map(lambda quarters: quarters / 4), min_size=1, max_size=9, unique=True),
    share=st.floats(0.01, 1),
    of=st.sampled_from(LOSSES),
    patches=st.sampled_from([0, 3]),
)
def test_the_generator_learns_from_the_best_fakes_alone(
    scores: list[float], share: float, of: str, patches: int
) -> None:
    """What the other loss gives of them, each beside the real that it is paired with."""
    other: Any = component("loss", of)
    fake = torch.tensor(scores, requires_grad=True)
    real = torch.arange(len(scores)) / 4
    if patches:
        fake, real = (each[:, None] + torch.tensor([-1.0, 0.0, 1.0]) for each in (fake, real))
    kept = sorted(range(len(scores)), key=lambda at: -scores[at])[: max(1, round(share * len(scores)))]
    loss = component("loss", "top-k", of=of, share=share)
    assert loss.relativistic == other.relativistic
    value = loss.generator(fake, real if other.relativistic else None)
    torch.testing.assert_close(value, other.generator(fake[kept], real[kept]))
    (gradient,) = torch.autograd.grad(value, fake)
    assert not gradient[[at for at in range(len(scores)) if at not in kept]].any()
    torch.testing.assert_close(loss.discriminator(real, fake), other.discriminator(real, fake))


@pytest.mark.parametrize("of", ["hinge", "relativistic"])
def test_a_share_may_move_and_all_is_the_other_loss(of: str) -> None:
    """As the generator differs only once the share is below 1, so do its weights."""
    weights = []
    for loss in (of, {"use": "top-k", "of": of, "share": 1}, {"use": "top-k", "of": of, "share": 0.25}, None):
        falling = {"use": "linear", "start": 1, "end": 0.1, "over": 16}
        made = trainer(tiny(regularizers=[], loss=loss or {"use": "top-k", "of": of, "share": falling}))
        for _ in range(2):
            made.iteration()
        weights.append(torch.cat([each.detach().flatten() for each in made.generator.parameters()]))
    plain, whole, quarter, moved = weights
    assert torch.equal(plain, whole)
    assert not torch.equal(plain, quarter)
    assert not torch.equal(plain, moved)
    assert not torch.equal(quarter, moved)


def test_users_are_told_that_parts_have_bests_of_their_own() -> None:
    said = description_of_parts(with_training(tiny(loss="top-k"), micro_batch={0: 4}))
    assert said is not None
    assert "top-k" in said
