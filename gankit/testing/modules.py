"""Modules of components, ready to be run where they are tried."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.kinds import LatentMapping, Norm, Regularizer
from gankit.networks.context import BuildContext
from gankit.networks.layers import Condition, gained, run, styles_of
from gankit.testing.places import drawn_place
from gankit.testing.rules import Trial
from gankit.training import randomness


class Inputs(NamedTuple):
    """What a module is run on."""

    x: Tensor
    """Latents, the first style, feature maps, or what a single layer takes."""
    condition: Condition

    def tensors(self) -> list[Tensor]:
        """All of them that are there."""
        return [each for each in (self.x, *self.condition) if each is not None]

    def copied(self) -> Inputs:
        """The same in tensors of its own, through which gradients go on."""
        copies = {name: each.clone() for name, each in self.condition._asdict().items() if each is not None}
        return Inputs(self.x.clone(), self.condition._replace(**copies))

    def differentiable(self) -> list[Tensor]:
        """Those that gradients can reach, which from here on they do."""
        return [each.requires_grad_() for each in self.tensors() if each.is_floating_point()]


@dataclass(frozen=True)
class Part:
    """A module that a component makes at some place, and how it is run there."""

    make: Callable[[], nn.Module]
    batch: int
    enters: tuple[int, ...]
    """Size of one sample of what comes in."""
    leaves: Callable[[nn.Module], tuple[int, ...]]
    """Size of one sample of what the module should give."""
    context: BuildContext | None = None
    """None for a single layer."""
    styles: int | None = None
    """How many styles a mapping is asked for; None for any other part."""
    indices: int = 0
    """An embedding takes numbers below this; 0 for any other part."""

    def __str__(self) -> str:
        if self.context is None:
            return "a single layer"
        context, said = (
            self.context,
            [f"resolution {self.context.resolution}", f"{self.context.aspect:g} times as wide"],
        )
        said += [f"{context.in_channels} to {context.out_channels} channels", f"resample {context.resample}"]
        said += ["outermost"] if context.outermost else []
        return f"a place in a {context.network} ({', '.join([*said, f'{context.classes} classes'])})"

    def built(self, seed: int = 0, train: bool = False) -> nn.Module:
        """A fresh module, its weights drawn with `seed`."""
        randomness.seed(seed)
        return self.make().train(train)

    def inputs(self, module: nn.Module, seed: int = 1, zeros: bool = False) -> Inputs:
        """What `module` could be run on, drawn with `seed`; zeros: nothing but zeros where numbers may be any."""
        randomness.seed(seed)
        if self.indices:
            return Inputs(torch.randint(0, self.indices, (self.batch,)), Condition())
        x = torch.randn(self.batch, *self.enters)
        if x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)  # as the trainer has them
        styles = labels = None
        if self.context is not None and self.context.network == "generator" and self.styles is None:
            styles = torch.randn(self.batch, styles_of(module), self.context.width)
        if self.context is not None and self.context.classes:
            labels = torch.arange(self.batch) % self.context.classes
        if zeros:
            x, styles = torch.zeros_like(x), None if styles is None else torch.zeros_like(styles)
        return Inputs(x, Condition(styles, labels))

    def run(self, module: nn.Module, inputs: Inputs, seed: int = 2) -> Tensor:
        """What the module makes of a copy, every generator of random numbers that it may draw from seeded before."""
        randomness.seed(seed)
        state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        try:
            return self.call(module, inputs.copied())
        finally:
            random.setstate(state)
            np.random.set_state(numpy_state)

    def call(self, module: nn.Module, inputs: Inputs) -> Tensor:
        """What the module gives, and does to its inputs and to the generators as they stand."""
        if self.styles is not None:
            return module(inputs.x, inputs.condition.labels, self.styles)
        return run(module, inputs.x, inputs.condition)


GAINS = (math.sqrt(2), 1.0, 0.0, None)
"""The gains of layers; None: a plain layer of torch, which says none."""


def drawn_part(
    trial: Trial[Any],
    norms: Sequence[Norm] = (),
    smallest_batch: int = 2,
    gains: Sequence[float | None] = GAINS,
) -> Part:
    """A module of the component of `trial`; of a norm, a module or a layer whose weight it normalizes.

    Args:
        trial: Has any component that makes modules.
        norms: The norms of the network that it is in.
        smallest_batch: Fewest samples at a time.
        gains: Those that a layer may have, the one that is always tried first.
    """
    component = trial.component
    context, batch = drawn_place(trial, norms, smallest_batch)
    if isinstance(component, Norm) and _normalizes_weights(trial, component, context):
        return _layer_of(trial, component, batch, gains)
    make = component.layer if isinstance(component, Regularizer) else component.build

    def made() -> nn.Module:
        module = trial.accepted(lambda: make(context))
        return reject() if module is None else module

    styles = trial.draw(st.integers(1, 4)) if isinstance(component, LatentMapping) else None
    enters, leaves = _entering(component.kind, context), _leaving(component.kind, context, styles)
    return Part(made, batch, enters, leaves, context, styles)


def makes_modules(trial: Trial[Any]) -> bool:
    """Whether there is a module to try; not every regularizer has a layer."""
    return not isinstance(trial.component, Regularizer) or type(trial.component).layer is not Regularizer.layer


def stir(module: nn.Module, seed: int = 3) -> None:
    """Move every parameter, so that none stands where it starts, such as at zero, which would hide what it weighs."""
    randomness.seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


@dataclass(frozen=True)
class LayerOptions:
    """One weighted layer, as a part might have it."""

    kind: type[nn.Module]
    inputs: int
    outputs: int
    bias: bool
    gain: float | None
    """None: a plain layer of torch, which says no gain."""

    def made(self) -> nn.Module:
        """The layer."""
        inputs, outputs, bias = self.inputs, self.outputs, self.bias
        if self.kind is nn.Linear:
            layer = nn.Linear(inputs, outputs, bias=bias)
        elif self.kind is nn.Conv2d:
            layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        elif self.kind is nn.ConvTranspose2d:
            layer = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
        else:
            layer = nn.Embedding(inputs, outputs)
        return layer if self.gain is None else gained(layer, self.gain)  # pyright: ignore[reportArgumentType]


def drawn_layer(trial: Trial[Any], gains: Sequence[float | None] = GAINS) -> LayerOptions:
    """One of the layers that norms and inits act on, with one of the gains."""
    kinds = st.sampled_from([nn.Conv2d, nn.Linear, nn.ConvTranspose2d, nn.Embedding])
    counts = st.sampled_from([4, 1, 3, 6])
    return trial.draw(st.builds(LayerOptions, kinds, counts, counts, st.booleans(), st.sampled_from(gains)))


def _normalizes_weights(trial: Trial[Any], norm: Norm, context: BuildContext) -> bool:
    """Whether to try the norm on a layer's weight."""
    on_weights = type(norm).apply is not Norm.apply
    on_activations = type(norm).build is not Norm.build and trial.accepted(lambda: norm.build(context)) is not None
    return on_weights and not (on_activations and trial.draw(st.booleans()))


def _layer_of(trial: Trial[Any], norm: Norm, batch: int, gains: Sequence[float | None]) -> Part:
    """A layer whose weight `norm` normalizes."""
    options = drawn_layer(trial, gains)

    def made() -> nn.Module:
        layer = options.made()
        norm.apply(layer)
        return layer

    maps = {nn.Conv2d: (4, 4), nn.ConvTranspose2d: (8, 8)}.get(options.kind, ())
    enters = () if options.kind is nn.Embedding else (options.inputs, *((4, 4) if maps else ()))
    indices = options.inputs if options.kind is nn.Embedding else 0
    return Part(made, batch, enters, lambda layer: (options.outputs, *maps), indices=indices)


def _entering(kind: str, context: BuildContext) -> tuple[int, ...]:
    if kind in ("mapping", "stem"):
        return (context.latent if kind == "mapping" else context.in_channels,)
    height, width = context.size
    return (
        (context.in_channels, height // 2, width // 2)
        if context.resample == "up"
        else (context.in_channels, height, width)
    )


def _leaving(kind: str, context: BuildContext, styles: int | None) -> Callable[[nn.Module], tuple[int, ...]]:
    height, width = (each // 2 for each in context.size) if context.resample == "down" else context.size

    def size(module: nn.Module) -> tuple[int, ...]:
        if kind == "mapping":
            assert styles is not None
            return styles, int(module.width)  # pyright: ignore[reportArgumentType]
        channels = context.out_channels
        if kind == "regularizer" or (kind == "block" and context.resample is None and not context.outermost):
            channels = int(getattr(module, "out_channels", channels))
        return channels, height, width

    return size
