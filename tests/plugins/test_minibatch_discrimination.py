"""Minibatch discrimination: its sums, where it stands, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component
from support.slow import slow_but
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.networks.layers import fan_in
from gankit_diversity.modules import MinibatchDiscrimination

PLACE = BuildContext("discriminator", 4, 6, 6, aspect=2.0)


def layer(**options: Any) -> MinibatchDiscrimination:
    torch.manual_seed(0)
    return component("regularizer", "minibatch-discrimination", kernels=3, dimensions=2, **options).layer(PLACE)


def maps(count: int) -> Tensor:
    return torch.randn(count, 6, *PLACE.size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("include_self", [False, True])
@torch.no_grad()
def test_each_number_is_the_papers_sum(include_self: bool) -> None:
    made, x = layer(include_self=include_self), 0.1 * maps(5)
    vectors = (x.flatten(1) @ made.project.weight.t()).view(5, 3, 2)
    output = made(x)
    assert output.shape == (5, 9, 4, 8)
    assert torch.equal(output[:, :6], x)
    for i in range(5):
        for b in range(3):
            others = [j for j in range(5) if include_self or j != i]
            nearness = sum(float((-(vectors[i, b] - vectors[j, b]).abs().sum()).exp()) for j in others)
            torch.testing.assert_close(output[i, 6 + b], torch.full((4, 8), nearness), atol=1e-5, rtol=1e-4)


def test_a_sample_alone_is_near_to_none_and_twins_are_wholly_near() -> None:
    x = maps(1)
    assert torch.equal(layer()(x)[:, 6:], torch.zeros(1, 3, 4, 8))
    torch.testing.assert_close(layer()(x.expand(4, -1, -1, -1))[:, 6:], torch.full((4, 3, 4, 8), 3.0))


def test_gradients_reach_every_sample_through_the_others_twice() -> None:
    made, x = layer(), (0.1 * maps(4)).requires_grad_()
    (gradient,) = torch.autograd.grad(made(x)[0, 6:].sum(), x, create_graph=True)
    assert gradient.flatten(1).any(1).all()
    gradient.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_projections_keep_the_variance() -> None:
    weight = layer().project.weight.detach()
    assert float(weight.std()) * fan_in(layer().project) ** 0.5 == pytest.approx(1, rel=0.05)


HEADS = {"pggan": {"head": "pggan"}, "dcgan": {"head": "dcgan"}}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("norm", slow_but(["spectral", "batch"], ["equalized", "spectral", "batch"]))
def test_heads_take_its_maps_and_weight_norms_reach_it(head: dict[str, Any], norm: str) -> None:
    options = discriminator_options(tiny()).model_dump() | head | {"norm": norm, "init": "normal"}
    made = trainer(tiny(discriminator=options, loss="hinge", regularizers="minibatch-discrimination"))
    projection = made.discriminator.get_submodule("layers.project")
    assert (norm == "batch") == isinstance(projection._parameters.get("weight"), Tensor)
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value) for value in made.iteration().values())


def test_gradient_penalties_allow_it() -> None:
    assert not problems(tiny(regularizers=["gradient-penalty", "minibatch-discrimination"]))


def test_batches_of_another_size_for_the_generator_are_refused() -> None:
    (found,) = problems(tiny(regularizers="minibatch-discrimination", training={"batch": 8, "generator_batches": 2}))
    assert found[0] == ("regularizers", 0)
    assert "sums over the batch" in found[1]


def test_stddev_wants_the_generators_larger_batches_to_split_too() -> None:
    """A batch of 3 is one group, but twice as many are no whole groups of 4."""
    training = {"batch": 3, "generator_batches": 2}
    assert problems(tiny(training=training, regularizers="minibatch-stddev")) == [
        (("regularizers", 0), "a batch of 6 does not split into groups of 4")
    ]


@pytest.mark.parametrize("name", ["minibatch-stddev", "minibatch-discrimination"])
def test_a_layer_cannot_be_lazy(name: str) -> None:
    assert problems(tiny(regularizers=name)) == []
    (found,) = problems(tiny(regularizers=[{"use": name, "every": 4}]))
    assert found == (("regularizers", 0), "is a layer of the discriminator in every update, so every must be 1")
