"""Norms that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import Any

from gankit import Norm, hookimpl


def function(of, **buffers) -> Any:
    """A function of maps as a module, with buffers, which come before its input."""
    from torch import nn

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, value in buffers.items():
                self.register_buffer(name, value)

        def forward(self, x):
            return of(*self.buffers(), x)

    return Module()


class OnlyTheMean(Norm):
    """Gives the mean that it should take away."""

    def build(self, context):
        return function(lambda x: x.mean(1, keepdim=True).expand(-1, 2 * context.out_channels, -1, -1))


class CentresInPlace(Norm):
    """Writes to what the shortcut past it takes too."""

    def build(self, context):
        return function(lambda x: x.sub_(x.mean(1, keepdim=True)))


class ByItsStart(Norm):
    """Divides a weight by the length that it had at first, which no checkpoint keeps."""

    def apply(self, layer: Any) -> None:
        from torch.nn.utils import parametrize

        length = 1 + float(layer.weight.detach().norm())
        parametrize.register_parametrization(layer, "weight", function(lambda weight: weight / length))


class WrittenOut(Norm):
    """A backward pass of its own, on numbers that have lost their graph."""

    def build(self, context):
        import torch

        class Squash(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.slope = (1 + x.detach().abs()) ** -2
                return x / (1 + x.abs())

            @staticmethod
            def backward(ctx, *grads):
                return grads[0] * ctx.slope

        return function(Squash.apply)


class AlwaysFollows(Norm):
    """Its running mean moves in evaluation too."""

    def build(self, context):
        import torch

        def followed(mean, x):
            less = x - mean.clone()
            mean.lerp_(x.detach().mean(), 0.5)
            return less

        return function(followed, mean=torch.zeros(()))


class PythonsRandom(Norm):
    """Noise from Python's own generator, of which the seed knows nothing."""

    def build(self, context):
        return function(lambda x: x + random.gauss(0, 1))


class OfTheBatch(Norm):
    """Takes the mean of the batch away and does not say that it mixes samples."""

    def build(self, context):
        return function(lambda x: x - x.mean((0, 2, 3), keepdim=True))


class UnitVariance(Norm):
    """Divides by the deviation, whatever that is."""

    def build(self, context):
        return function(lambda x: x / x.square().mean(1, keepdim=True).sqrt())


class DetachedShift(Norm):
    """A shift that is to be learned, cut from its graph."""

    def build(self, context):
        import torch
        from torch import nn

        made = function(lambda x: x + made.shift.detach())
        made.shift = nn.Parameter(torch.zeros(context.out_channels, 1, 1))
        return made


class TimesTheGain(Norm):
    """Multiplies weights by their gain, and so those for ever by zero that only start there."""

    def apply(self, layer):
        from torch import nn
        from torch.nn.utils import parametrize

        class Times(nn.Module):
            def forward(self, weight):
                return weight * layer_gain

        layer_gain = getattr(layer, "gain", 1.0)
        parametrize.register_parametrization(layer, "weight", Times())


class OnlyTheMaps(Norm):
    """Says that it reads attributes, but looks at none."""

    def reads_attributes(self) -> bool:
        return True

    def build(self, context):
        return function(lambda x: x - x.mean(1, keepdim=True))


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", OnlyTheMean)
    register("leaves-its-input", CentresInPlace)
    register("survives-state-dict", ByItsStart)
    register("twice-differentiable", WrittenOut)
    register("rests-in-evaluation", AlwaysFollows)
    register("repeats-itself", PythonsRandom)
    register("samples-stay-apart", OfTheBatch)
    register("finite-at-zero", UnitVariance)
    register("reaches-its-parameters", DetachedShift)
    register("reaches-its-parameters.2", TimesTheGain)
    register("follows-attributes", OnlyTheMaps)
