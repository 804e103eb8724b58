"""Stems that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import math
import random
from typing import Any

from gankit import Stem, hookimpl


def first_map(context, before=None, after=None) -> Any:
    """A dense layer to the first feature map, with functions before and after it."""
    from torch import nn

    from gankit.networks.layers import Chain, Function, dense

    return Chain(
        before=Function(before) if before else nn.Identity(),
        dense=dense(context.in_channels, context.out_channels * math.prod(context.size)),
        shape=nn.Unflatten(1, (context.out_channels, *context.size)),
        after=Function(after) if after else nn.Identity(),
    )


class Square(Stem):
    """Forgets that images may be wider than high."""

    def build(self, context):
        from dataclasses import replace

        return first_map(replace(context, aspect=1.0))


class NormalizesInPlace(Stem):
    """Writes to the style, which the blocks take too."""

    def build(self, context):
        return first_map(context, before=lambda x: x.mul_(0.5))


class ForgottenConstant(Stem):
    """A random constant that no checkpoint keeps."""

    def build(self, context):
        import torch

        constant = torch.randn(context.out_channels, *context.size)
        return first_map(context, after=lambda x: x + constant)


class FusedAttention(Stem):
    """Attention by a fused kernel, whose gradient torch cannot differentiate."""

    def build(self, context):
        import torch.nn.functional as F

        def attended(x):
            pixels = x.flatten(2).transpose(1, 2)[:, None].contiguous()
            return (
                F.scaled_dot_product_attention(pixels, pixels, pixels)[:, 0].transpose(1, 2).unflatten(2, x.shape[2:])
            )

        return first_map(context, after=attended)


class Counts(Stem):
    """Counts its passes, those in evaluation too."""

    def build(self, context):
        import torch

        def counted(x):
            made.passes.add_(1)
            return x

        made = first_map(context, after=counted)
        made.register_buffer("passes", torch.zeros(()))
        return made


class PythonsRandom(Stem):
    """Noise from Python's own generator, of which the seed knows nothing."""

    def build(self, context):
        return first_map(context, after=lambda x: x + random.gauss(0, 1))


class OfTheBatch(Stem):
    """Takes the mean of the batch from each map."""

    def build(self, context):
        return first_map(context, after=lambda x: x - x.mean(0))


class OnTheSphere(Stem):
    """Divides the style by its length, whatever that is."""

    def build(self, context):
        return first_map(context, before=lambda x: x / x.square().sum(1, keepdim=True).sqrt())


class DetachedConstant(Stem):
    """A constant that is to be learned, read past its graph."""

    def build(self, context):
        import torch
        from torch import nn

        made = first_map(context, after=lambda x: x + made.constant.data)
        made.constant = nn.Parameter(torch.randn(context.out_channels, 1, 1))
        return made


class PlainSequence(Stem):
    """Calls the norm of its place as if it took nothing but maps."""

    def build(self, context):
        from torch import nn

        return nn.Sequential(
            nn.Linear(context.in_channels, context.out_channels * math.prod(context.size)),
            nn.Unflatten(1, (context.out_channels, *context.size)),
            context.norm(),
        )


class CountsNoStyles(Stem):
    """Hands its condition on, but does not say how many styles it needs."""

    def build(self, context):
        from gankit.networks.layers import Chain

        chain = Chain(dense=first_map(context), norm=context.norm())
        chain.styles = 0
        return chain


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", Square)
    register("leaves-its-input", NormalizesInPlace)
    register("survives-state-dict", ForgottenConstant)
    register("twice-differentiable", FusedAttention)
    register("rests-in-evaluation", Counts)
    register("repeats-itself", PythonsRandom)
    register("samples-stay-apart", OfTheBatch)
    register("finite-at-zero", OnTheSphere)
    register("reaches-its-parameters", DetachedConstant)
    register("hands-conditions-on", PlainSequence)
    register("hands-conditions-on.2", CountsNoStyles)
