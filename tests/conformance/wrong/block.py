"""Blocks that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random

from support.wrong_parts import convolution

from gankit import Block, hookimpl


class NeverDown(Block):
    """Knows only the generator's way."""

    def build(self, context):
        from dataclasses import replace

        return convolution(replace(context, resample="up" if context.resample == "up" else None))


class TakesTheBorder(Block):
    """A convolution without padding, which takes the border away."""

    def build(self, context):
        from torch import nn

        from gankit.networks.layers import Chain, resampling

        return Chain(
            up=resampling(context.resample, "up"),
            conv=nn.Conv2d(context.in_channels, context.out_channels, 3),
            down=resampling(context.resample, "down"),
        )


class RectifiesInPlace(Block):
    """Saves memory at the cost of the shortcut past it."""

    def build(self, context):
        return convolution(context, before=lambda x: x.relu_())


class ForgottenMask(Block):
    """A random mask that no checkpoint keeps."""

    def build(self, context):
        import torch

        mask = torch.rand(context.in_channels, 1, 1)
        return convolution(context, before=lambda x: x * mask)


class FusedAttention(Block):
    """Attention by a fused kernel, whose gradient torch cannot differentiate."""

    def build(self, context):
        import torch.nn.functional as F

        def attended(x):
            pixels = x.flatten(2).transpose(1, 2)[:, None]
            return (
                F.scaled_dot_product_attention(pixels, pixels, pixels)[:, 0].transpose(1, 2).unflatten(2, x.shape[2:])
            )

        return convolution(context, after=attended)


class AlwaysFollows(Block):
    """Its running mean moves in evaluation too, which it takes away."""

    def build(self, context):
        import torch
        from torch import nn

        class Mean(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("mean", torch.zeros(()))

            def forward(self, x):
                less = x - self.mean
                self.mean = torch.lerp(self.mean, x.detach().mean(), 0.5)
                return less

        made = convolution(context)
        made.before = Mean()
        return made


class StochasticDepth(Block):
    """Left out by Python's own generator, of which the seed knows nothing."""

    def build(self, context):
        return convolution(context, after=lambda x: x * random.random())


class OfTheBatch(Block):
    """Takes the mean of the batch from each map."""

    def build(self, context):
        return convolution(context, before=lambda x: x - x.mean(0, keepdim=True))


class UnitVariance(Block):
    """Divides by the deviation, whatever that is."""

    def build(self, context):
        return convolution(context, before=lambda x: x / x.std((1, 2, 3), keepdim=True))


class DetachedShift(Block):
    """Adds a number that is to be learned, cut from its graph."""

    def build(self, context):
        from torch import nn

        made = convolution(context, after=lambda x: x + made.scale.detach())
        made.scale = nn.Parameter(made.conv.weight.detach().mean())
        return made


class PlainSequence(Block):
    """Calls the norm of its place as if it took nothing but maps."""

    def build(self, context):
        from torch import nn

        from gankit.networks.layers import resampling

        return nn.Sequential(
            resampling(context.resample, "up"),
            nn.Conv2d(context.in_channels, context.out_channels, 3, padding=1),
            resampling(context.resample, "down"),
            context.norm(),
        )


class OneStyleForTwo(Block):
    """Asks for two styles and hands both norms the first."""

    def build(self, context):
        from gankit.networks.layers import Conditioned, run, styles_of

        class Two(Conditioned):
            def __init__(self) -> None:
                super().__init__()
                self.main, self.norm0, self.norm1 = convolution(context), context.norm(), context.norm()
                self.styles = styles_of(self.norm0) + styles_of(self.norm1)

            def forward(self, x, condition):
                x = run(self.main, x, condition)
                return run(self.norm1, run(self.norm0, x, condition), condition)

        return Two()


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", NeverDown)
    register("right-shape.2", TakesTheBorder)
    register("leaves-its-input", RectifiesInPlace)
    register("survives-state-dict", ForgottenMask)
    register("twice-differentiable", FusedAttention)
    register("rests-in-evaluation", AlwaysFollows)
    register("repeats-itself", StochasticDepth)
    register("samples-stay-apart", OfTheBatch)
    register("finite-at-zero", UnitVariance)
    register("reaches-its-parameters", DetachedShift)
    register("hands-conditions-on", PlainSequence)
    register("hands-conditions-on.2", OneStyleForTwo)
