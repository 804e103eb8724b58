"""StyleGAN's parts in training, alone and among others' parts."""

from __future__ import annotations

from typing import Any

import torch
from support.tiny import tiny, trainer

from gankit.reading.checks import problems
from gankit.training.trainer import Trainer

STYLED = {
    "mapping": {"use": "style", "layers": 2, "width": 8},
    "stem": "stylegan/stylegan",
    "block": "stylegan/stylegan",
    "norm": ["equalized", "adaptive-instance"],
}


def styled(**changes: Any) -> Trainer:
    options = tiny().generator.model_dump() | STYLED | changes
    return trainer(tiny(generator=options, loss="non-saturating"))


def trained(made: Trainer, rounds: int) -> dict[str, torch.Tensor]:
    for _ in range(rounds):
        made.round()
    return {name: value.clone() for name, value in made.average.state_dict().items()}


def test_noise_and_mixing_give_the_same_bits_again() -> None:
    one, other = trained(styled(), 10), trained(styled(), 10)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["mapping.mean"].any()
    assert any(value.any() for name, value in one.items() if "noise" in name)


def test_a_sample_with_noise_does_not_depend_on_how_many_are_drawn() -> None:
    made = styled()
    trained(made, 10)
    images = made.sample(0, 100, seed=1)
    assert torch.equal(made.sample(0, 3, seed=1), images[:3])
    assert torch.equal(made.sample(70, 5, seed=1), images[70:75])


def test_styles_reach_the_blocks_of_others_through_the_norm() -> None:
    made = styled(block="pggan/conv")
    made.generator.grow(8, 1.0)
    assert made.generator.styles == 4
    z = torch.randn(2, 8)
    made.generator.eval()
    assert not torch.equal(made.generator(z)[0], made.generator(z)[1])


def test_a_discriminator_has_no_styles() -> None:
    options = tiny().discriminator.model_dump() | {"norm": ["equalized", "adaptive-instance"]}
    found = problems(tiny(discriminator=options))
    assert found == [(("discriminator", "norm", 0, 1), "takes a style, and only a generator has styles")]
