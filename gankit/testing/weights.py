"""Rules for what fills, moves and averages weights: inits, optimizers and weight averages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from gankit.core.progress import Progress, Stage, progress_at, progress_in
from gankit.kinds import Init, Optimizer, WeightAverage
from gankit.networks.contracts import check_finite
from gankit.testing.parts import drawn_layer
from gankit.testing.rules import Broken, Trial, rule
from gankit.training import randomness
from gankit.training.contracts import check_groups, check_rate

CORRECTIONS = st.sampled_from([1.0, 0.8, 0.5])
"""Such as the trainer gives: 1 without lazy regularizers, 0.8 with one of every fourth update."""
STEADY = 1e-4
"""How far the shares by which a running mean decays may be apart by rounding, as a share of them."""
ROUNDING = 1e-9
"""What may be lost in float64."""


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
    check_finite(f"the numbers with which it fills the weight {list(shape)} of a {type(layer).__name__} are", weight)


@rule(Init)
def leaves_the_bias(trial: Trial[Init]) -> None:
    """It changes no other parameter than the weight."""
    layer = _made(drawn_layer(trial), seed=0)
    before = {name: each.detach().clone() for name, each in layer.named_parameters() if name != "weight"}
    trial.component.apply(layer)
    after = {name: each for name, each in layer.named_parameters() if name != "weight"}
    changed = [name for name, each in after.items() if name not in before or not torch.equal(each, before[name])]
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
    """A layer whose weights are drawn with `seed`."""
    randomness.seed(seed)
    return layer()


def _groups() -> list[dict[str, Any]]:
    """Parameters in groups as the trainer gives them, away from zero, where their quadratics are least."""
    draws = torch.Generator().manual_seed(0)
    shapes = [(3, 2), (4, 2), (1,)]
    first, second, third = [torch.nn.Parameter(1 + torch.rand(shape, generator=draws)) for shape in shapes]
    return [{"params": [first], "new_at": 8}, {"params": [second, third], "new_at": 0}]


def _set_rate(optimizer: TorchOptimizer, rate: float) -> None:
    """Set the learning rate of each group, as the trainer does it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_multiplier", 1)


def _update(optimizer: TorchOptimizer, rate: float, strength: float = 1.0) -> None:
    """One update of half the square of every parameter, as the trainer does it."""
    _set_rate(optimizer, rate)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    for parameter in parameters:
        parameter.grad = strength * parameter.detach().clone()
    optimizer.step()


@rule(Optimizer, examples=20)
def rates_are_rates(trial: Trial[Optimizer]) -> None:
    """The learning rate is finite and above zero wherever the run stands; it may end at zero."""
    stage = Stage(trial.draw(st.sampled_from([4, 8, 64, 1024])), 100_000)
    for images in (0, trial.draw(st.integers(1_000, 99_000)), 99_900, 100_000):
        rate = trial.component.learning_rate(progress_in([stage], 1, images))
        check_rate(rate)
        if rate == 0 and images < stage.images:
            raise Broken(f"the learning rate after {images} of {stage.images} images at {stage.resolution} is {rate}")


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def rates_follow_from_images(trial: Trial[Optimizer]) -> None:
    """The learning rate depends on the progress alone, so that a run that was left goes on as it would have."""
    stages = [Stage(4, 400), Stage(8, 400, 200), Stage(16, 400)]
    moments = [progress_at(stages, images) for images in range(0, 1201, 100)]
    there, back = ({each: trial.component.learning_rate(each) for each in asked} for asked in (moments, moments[::-1]))
    for progress in moments:
        if there[progress] != back[progress]:
            raise Broken(
                f"the learning rate after {progress.images} of {progress.total} images was {there[progress]}, "
                f"and {back[progress]} when it was asked again"
            )


@rule(Optimizer)
def lowers_a_quadratic(trial: Trial[Optimizer]) -> None:
    """With a small learning rate every parameter comes nearer to the least of its quadratic."""
    groups = _groups()
    parameters: list[Tensor] = [parameter for group in groups for parameter in group["params"]]
    before = [parameter.detach().norm().item() for parameter in parameters]
    optimizer = trial.component.build(groups, trial.draw(CORRECTIONS))
    for _ in range(50):
        _update(optimizer, rate=0.01)
    check_finite("after 50 updates of a learning rate of 0.01 a parameter is", *parameters)
    for parameter, distance in zip(parameters, before, strict=True):
        after = parameter.detach().norm().item()
        if not after < distance:
            raise Broken(
                f"after 50 updates of a learning rate of 0.01 a parameter went from {distance:.4g} to {after:.4g}"
            )


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def heeds_the_trainer(trial: Trial[Optimizer]) -> None:
    """Parameters keep their `new_at`, and each group moves by the learning rate that the trainer sets in it."""
    optimizer = trial.component.build(groups := _groups(), trial.draw(CORRECTIONS))
    check_groups(groups, optimizer)
    for group in optimizer.param_groups:
        before = [parameter.detach().clone() for parameter in group["params"]]
        _update(optimizer, rate=0.0)  # from the first update on, as others may still act afterwards
        if not all(map(torch.equal, before, group["params"])):
            raise Broken("parameters move though the trainer has set their group's 'lr' to 0; use the group's 'lr'")


@rule(Optimizer, implied=("goes-on-to-the-bit",))
def passes_over_what_rests(trial: Trial[Optimizer]) -> None:
    """Parameters without a gradient, as those of layers that have not grown yet, stay as they are."""
    groups = _groups()
    optimizer = trial.component.build(groups)
    _set_rate(optimizer, 0.01)
    resting, *others = [parameter for group in groups for parameter in group["params"]]
    before = resting.detach().clone()
    for parameter in others:
        parameter.grad = torch.ones_like(parameter)
    try:
        optimizer.step()
    except (TypeError, AttributeError) as failure:
        raise Broken(f"step() fails with {failure!r} where a parameter's grad is None; pass over it") from None
    if not torch.equal(before, resting):
        raise Broken("a parameter whose grad is None moves")


@rule(Optimizer)
def corrects_its_decay(trial: Trial[Optimizer]) -> None:
    """With a correction c, whatever decays by d in an update decays by d to the power of c (Karras et al. 2020)."""
    plain, correction = _decays(trial.component, 1.0), trial.draw(st.sampled_from([0.8, 0.5]))
    corrected = _decays(trial.component, correction)
    for name, decay in ((name, plain[name]) for name in plain.keys() & corrected):
        if abs(corrected[name] - decay**correction) > 1e-3:
            raise Broken(
                f"{name!r} decays by {decay:.4f} an update, and by {corrected[name]:.4f} instead of "
                f"{decay**correction:.4f} with a correction of {correction}; build with the power of each decay"
            )


def _decays(component: Optimizer, correction: float) -> dict[str, float]:
    """What becomes of each running mean in an update without a gradient, as a share.

    A running mean is what decays by the same share in each of two such updates; a last step or a ratio does not.
    """
    groups = _groups()
    optimizer = component.build(groups, correction)
    _update(optimizer, rate=1e-3)
    kept = [_memories(optimizer, groups[0]["params"][0])]
    for _ in range(2):
        _update(optimizer, rate=1e-3, strength=0.0)
        kept.append(_memories(optimizer, groups[0]["params"][0]))
    shares: dict[str, float] = {}
    for name in kept[0].keys() & kept[1].keys() & kept[2].keys():
        first, second = (after[name] / before[name] for before, after in pairwise(kept))
        if torch.allclose(first, second, rtol=STEADY, atol=0):
            shares[name] = first.mean().item()
    return shares


def _memories(optimizer: TorchOptimizer, parameter: Tensor) -> dict[str, Tensor]:
    """Copies of what an optimizer remembers of each weight of a parameter and is not at zero, in float64."""
    state = {name: kept for name, kept in optimizer.state[parameter].items() if isinstance(kept, Tensor)}
    return {
        name: kept.detach().double().clone()
        for name, kept in state.items()
        if kept.shape == parameter.shape and kept.is_floating_point() and bool((kept != 0).all())
    }


def _network() -> nn.Module:
    """A small network in float64, always the same."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()


def _vector(network: nn.Module) -> Tensor:
    """All weights of a network."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])


def _updates(batch: int, updates: int = 12) -> Iterator[Progress]:
    """Where a run stands before updates of so many images each, of which the second half are a stage of their own."""
    stages = [Stage(4, updates // 2 * batch), Stage(8, updates // 2 * batch)]
    for number in range(updates):
        yield progress_in(stages, 1 if number < updates // 2 else 2, number * batch)


@rule(WeightAverage, examples=20)
def stays_among_the_weights(trial: Trial[WeightAverage]) -> None:
    """The average lies between the least and the greatest that each weight has been; of one that rests it is that."""
    move = torch.no_grad()(trial.component.move)
    average, current = _network(), _network()
    batch, rests = trial.draw(st.integers(1, 2000)), trial.draw(st.booleans())
    draws, memory = torch.Generator().manual_seed(trial.draw(st.integers(0, 99))), {}
    least = greatest = _vector(current)
    for progress in _updates(batch):
        if not rests:
            nn.utils.vector_to_parameters(torch.randn(least.shape, generator=draws).double(), current.parameters())
        least, greatest = torch.minimum(least, _vector(current)), torch.maximum(greatest, _vector(current))
        move(average, current, progress, batch, memory)
        check_finite(f"after {progress.images + batch} images the average is", _vector(average))
        outside = torch.maximum(least - _vector(average), _vector(average) - greatest).max().item()
        if not outside <= ROUNDING:
            what = "a weight that never changed" if rests else "all that a weight has been"
            raise Broken(f"after {progress.images + batch} images the average lies {outside:.3g} outside {what}")


@rule(WeightAverage)
def comes_nearer(trial: Trial[WeightAverage]) -> None:
    """The average of a network that has come to rest elsewhere comes nearer to it, and the network stays as it is."""
    move = torch.no_grad()(trial.component.move)
    average, current = _network(), _network()
    with torch.no_grad():
        for parameter in current.parameters():
            parameter += 1
    rest, before, memory = _vector(current), _vector(average), {}
    for progress in _updates(batch=1000):
        move(average, current, progress, 1000, memory)
    if not torch.equal(rest, _vector(current)):
        raise Broken("move() changes the network that is trained; change the parameters of `average` alone")
    check_finite("over 12,000 images the average becomes", _vector(average))
    distance = (rest - before).norm().item(), (rest - _vector(average)).norm().item()
    if not distance[1] < distance[0]:
        raise Broken(f"over 12,000 images the distance to it went from {distance[0]:.4g} to {distance[1]:.4g}")


@rule(WeightAverage)
def averages_in_place(trial: Trial[WeightAverage]) -> None:
    """The averaged parameters stay the same objects and ask for no gradients."""
    move = torch.no_grad()(trial.component.move)
    average, current = _network().requires_grad_(False), _network()
    before, memory = list(average.parameters()), {}
    for progress in _updates(batch=100):
        move(average, current, progress, 100, memory)
    after = list(average.parameters())
    if len(before) != len(after) or any(one is not other for one, other in zip(before, after, strict=False)):
        raise Broken(
            "the average's parameters are other objects than before; change them in place, as by lerp_ or copy_"
        )
    if any(parameter.requires_grad or parameter.grad_fn is not None for parameter in after):
        raise Broken("the average's parameters ask for gradients")
