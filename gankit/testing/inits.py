"""Rules for inits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gankit.kinds import Init
from gankit.testing.parts import drawn_layer
from gankit.testing.rules import Broken, Trial, rule
from gankit.training import randomness


@rule(Init)
def fills_the_weight(trial: Trial[Init]) -> None:
    """It changes the numbers in the layer's weight, which stays the same parameter, and no number is infinite."""
    layer = _made(drawn_layer(trial), seed=0)
    names = [name for name, _ in layer.named_parameters()]
    weight, shape = layer.get_parameter("weight"), layer.get_parameter("weight").shape
    trial.component.apply(layer)
    if [name for name, _ in layer.named_parameters()] != names or layer.get_parameter("weight") is not weight:
        raise Broken(f"replaces the weight of a {type(layer).__name__}; fill it in place, as torch.nn.init does")
    if weight.shape != shape or not weight.requires_grad or weight.dtype != torch.float32:
        raise Broken(f"makes of a weight {list(shape)} one {list(weight.shape)} of another form")
    if not weight.isfinite().all():
        raise Broken(f"fills the weight {list(shape)} of a {type(layer).__name__} with numbers that are not finite")


@rule(Init)
def leaves_the_bias(trial: Trial[Init]) -> None:
    """It changes no other parameter than the weight."""
    layer = _made(drawn_layer(trial), seed=0)
    before = {name: each.detach().clone() for name, each in layer.named_parameters()}
    trial.component.apply(layer)
    changed = [name for name, each in layer.named_parameters() if name != "weight" and _differ(each, before.get(name))]
    if changed:
        raise Broken(f"changes {', '.join(changed)} of a {type(layer).__name__}; only the weight is an init's")


@rule(Init)
def draws_by_the_seed(trial: Trial[Init]) -> None:
    """What the weight starts with is decided by torch's seed, whatever was in it before."""
    layer = drawn_layer(trial)
    layers = [_made(layer, seed) for seed in (0, 1)]
    for layer in layers:
        randomness.seed(2)
        trial.component.apply(layer)
    first, second = (layer.get_parameter("weight") for layer in layers)
    if not torch.equal(first, second):
        raise Broken(
            "fills two layers differently from the same seed; draw from torch's generators alone, and do not build on "
            "what is in the weight"
        )


@rule(Init)
def keeps_zero_gain(trial: Trial[Init]) -> None:
    """A layer whose gain is 0 starts at zero, as its block asks."""
    layer = _made(drawn_layer(trial, gains=[0.0]), seed=0)
    trial.component.apply(layer)
    if layer.get_parameter("weight").any():
        raise Broken("fills the weight of a layer whose attribute `gain` is 0 with other numbers than zero")


def _made(layer: Callable[[], nn.Module], seed: int) -> nn.Module:
    randomness.seed(seed)
    return layer()


def _differ(after: Tensor, before: Tensor | None) -> bool:
    return before is None or not torch.equal(after, before)
