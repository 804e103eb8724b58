"""The GPU of a Mac draws again what it drew; a generator of the CPU's stands for its own, which torch leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn

from gankit.networks.recomputing import recomputed
from gankit.networks.scales import Scales
from gankit.training import randomness


@pytest.fixture
def mac() -> Iterator[torch.Generator]:
    generator = torch.Generator()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mps, "is_available", lru_cache(lambda: True))
        patch.setattr(torch.mps, "manual_seed", generator.manual_seed)
        patch.setattr(torch.mps, "get_rng_state", generator.get_state)
        patch.setattr(torch.mps, "set_rng_state", generator.set_state)
        yield generator


def test_draws_are_put_back(mac: torch.Generator) -> None:
    randomness.seed("here")
    with randomness.untouched():
        torch.rand((), generator=mac)
    drawn = torch.rand((), generator=mac)
    randomness.seed("here")
    assert torch.equal(drawn, torch.rand((), generator=mac))


def test_all_scales_are_changed_by_the_same_draws(mac: torch.Generator) -> None:
    drawn, scales = list[Tensor](), Scales((4, 8, 16))

    def change(images: Tensor) -> Tensor:
        drawn.append(torch.rand(len(images), generator=mac))
        return images

    scales.alike(torch.zeros(2, 3, 1, scales.pixels), change)
    after = torch.rand(2, generator=mac)
    assert len(drawn) == 3
    assert all(torch.equal(each, drawn[0]) for each in drawn)
    assert not torch.equal(after, drawn[0])


def test_noise_is_the_same_when_activations_are_made_again(request: pytest.FixtureRequest) -> None:
    layer = nn.Linear(3, 3)
    recomputed(layer, layer, torch.ones(2, 3)).sum().backward()  # torch loads its compiler, which is not to see a Mac
    mac: torch.Generator = request.getfixturevalue("mac")

    def run(x: Tensor) -> Tensor:
        return (layer(x) * torch.randn(x.shape, generator=mac)).sin()

    found, x = list[Tensor](), torch.ones(2, 3)
    for again in (False, True):
        mac.manual_seed(0)
        made = recomputed(layer, run, x) if again else run(x)
        between = torch.randn(1, generator=mac)
        layer.zero_grad()
        made.sum().backward()
        assert layer.weight.grad is not None
        found += [layer.weight.grad.clone(), between, torch.randn(1, generator=mac)]
    assert all(map(torch.equal, found[:3], found[3:]))
