"""Rules for the gradients of the parts of networks, and for the norms that they use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.kinds import Block, Head, Norm, Stem
from gankit.networks.context import BuildContext
from gankit.networks.layers import Condition, Conditioned
from gankit.testing.modules import Inputs, Part, drawn_part, makes_modules, stir
from gankit.testing.networks import PARTS
from gankit.testing.rules import Broken, Trial, rule

TRIES = 3
"""Weights are drawn so often before a gradient that is zero counts: ReLUs may rest by chance."""


@rule(*PARTS, examples=5)
def twice_differentiable(trial: Trial[Any]) -> None:
    """Gradients of its module can be differentiated again, as gradient penalties and path lengths do."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial)
    if part.indices:  # an embedding is not penalized through what it is looked up by
        return
    module = part.built(train=trial.draw(st.booleans()))
    stir(module)
    inputs = part.inputs(module)
    try:
        gradients = _gradients(part, module, inputs)
        again = _of_gradients(gradients, module, inputs)
    except RuntimeError as failure:
        raise Broken(f"its gradient cannot be differentiated again: {failure}") from None
    _check_finite(again, "second derivatives at normal input are")
    if not any(each.requires_grad for each in gradients) and _gradients_move(part, module, gradients):
        raise Broken(
            "its gradient depends on weights or input, but cannot be differentiated again; write the backward pass of "
            "an autograd function out of differentiable steps, without detach"
        )


@rule(*PARTS, examples=6)
def finite_at_zero(trial: Trial[Any]) -> None:
    """Where all that comes in is zero, as after ReLUs that rest, output and both derivatives are finite."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial)
    module = part.built(train=trial.draw(st.booleans()))
    inputs = part.inputs(module, zeros=True)
    with torch.no_grad():
        _check_finite([part.run(module, inputs)], "for zeros the output is")
    if part.indices:
        return
    with suppress(RuntimeError):  # there are none, which another rule says
        gradients = _gradients(part, module, inputs)
        _check_finite(gradients, "at zero the gradient is")
        _check_finite(_of_gradients(gradients, module, inputs), "at zero second derivatives are")


@rule(*PARTS, examples=4)
def reaches_its_parameters(trial: Trial[Any]) -> None:
    """Every parameter of its module takes part in the output, so that training reaches it."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial, gains=(0.0, math.sqrt(2)))
    still = _still(part, seed=0)
    if part.context is None:  # a layer that starts at zero has to leave it; of a module much may rest at odd places
        for seed in range(1, TRIES):
            still &= _still(part, seed)
        if still:
            raise Broken(
                f"the gradient of {', '.join(sorted(still))} is zero whatever the weights are: they never learn"
            )


def _still(part: Part, seed: int) -> set[str]:
    """The parameters whose gradients are zero.

    Raises:
        Broken: if there is one without a gradient.
    """
    module = part.built(seed, train=True)
    stir(module, seed)
    parameters = {name: each for name, each in module.named_parameters() if each.requires_grad}
    output = part.run(module, part.inputs(module, seed))
    if not parameters:
        return set()
    if not output.requires_grad:
        raise Broken("no gradient reaches its parameters; is something detached, or run under torch.no_grad?")
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed))
    found = torch.autograd.grad((output * direction).sum(), list(parameters.values()), allow_unused=True)
    gradients = dict(zip(parameters, found, strict=True))
    if idle := [name for name, gradient in gradients.items() if gradient is None]:
        raise Broken(
            f"no gradient reaches {', '.join(idle)}; is it used, and not detached? What never learns is a buffer"
        )
    return {name for name, gradient in gradients.items() if gradient is not None and not gradient.any()}


@rule(Stem, Block, Head, examples=4)
def hands_conditions_on(trial: Trial[Any]) -> None:
    """It gives each norm that it takes from its place the condition, and asks for the styles that they consume."""
    part = drawn_part(trial, norms=[Styled()])
    idle = [_idle_styles(part, seed) for seed in range(TRIES)]
    if all(idle):
        raise Broken(
            f"of the styles that it asks for, number {idle[0][0]} decides nothing; hand each norm its own, as "
            "gankit.networks.layers.Chain does"
        )


def _idle_styles(part: Part, seed: int) -> list[int]:
    """The styles, counted from 1, that the output does not depend on."""
    module = part.built(seed, train=True)
    stir(module)
    inputs = part.inputs(module)
    styles = inputs.condition.styles
    if styles is None or not styles.shape[1]:
        part.run(module, inputs)
        return []
    output = part.run(module, Inputs(inputs.x, inputs.condition._replace(styles=styles.requires_grad_())))
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), styles, allow_unused=True)
    return [i + 1 for i in range(styles.shape[1]) if gradient is None or not gradient[:, i].any()]


class Styled(Norm):
    """Scales by the style that it consumes in a generator, and needs the labels if there are any."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that keeps shapes."""
        return StyledScale(context)


class StyledScale(Conditioned):
    """x times one plus the mean of the style."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.styles = int(context.network == "generator")
        self.has_labels = context.classes > 0

    def forward(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Scale [N, C, H, W].

        Raises:
            Broken: if it does not get what it asks for.
        """
        if condition is None:
            raise Broken(
                "calls the norm of its place without the condition; put it into a layers.Chain, or call it by "
                "gankit.networks.layers.run"
            )
        if self.has_labels and condition.labels is None:
            raise Broken("hands no labels to the norm of its place")
        if not self.styles:
            return x
        if condition.styles is None or not condition.styles.shape[1]:
            raise Broken(
                "hands no style to the norm of its place; count those of its norms in the attribute `styles`, as "
                "gankit.networks.layers.Chain does"
            )
        return x * (1 + condition.styles[:, 0].mean(1).view(-1, 1, 1, 1))


def _gradients(part: Part, module: nn.Module, inputs: Inputs) -> list[Tensor]:
    """The gradients of a random projection of the output with respect to the inputs, differentiable again."""
    towards = inputs.differentiable()
    output = part.run(module, inputs)
    if not output.requires_grad:
        return []
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(10))
    found = torch.autograd.grad((output * direction).sum(), towards, create_graph=True, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def _of_gradients(gradients: Sequence[Tensor], module: nn.Module, inputs: Inputs) -> list[Tensor]:
    """The gradients of the gradients' squared norm with respect to weights and inputs."""
    again = [gradient for gradient in gradients if gradient.requires_grad]
    if not again:
        return []
    norm = torch.stack([gradient.square().sum() for gradient in again]).sum()
    leaves = [each for each in (*module.parameters(), *inputs.differentiable()) if each.requires_grad]
    found = torch.autograd.grad(norm, leaves, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def _gradients_move(part: Part, module: nn.Module, before: Sequence[Tensor]) -> bool:
    """Whether the gradients are others with other weights and other input."""
    stir(module, seed=11)
    after = _gradients(part, module, part.inputs(module, seed=12))
    return any(not torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(before, after, strict=True))


def _check_finite(tensors: Sequence[Tensor], what: str) -> None:
    if not all(bool(each.isfinite().all()) for each in tensors):
        raise Broken(f"{what} not finite; add a small number before roots, logarithms and divisions")
