"""Heads that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import Any

from gankit import Head, hookimpl


def pooled(context, before=None, after=None) -> Any:
    """The mean of each map and a linear score, with functions before and after both."""
    from torch import nn

    from gankit.networks.layers import Chain, Function, dense

    return Chain(
        before=Function(before) if before else nn.Identity(),
        pool=Function(lambda x: x.mean((2, 3))),
        score=dense(context.in_channels, 1),
        after=Function(after) if after else nn.Identity(),
    )


class Squeezed(Head):
    """Gives [N] rather than [N, 1]."""

    def build(self, context):
        return pooled(context, after=lambda score: score[:, 0])


class RectifiesInPlace(Head):
    """Writes to the features, which the verdict shows too."""

    def build(self, context):
        return pooled(context, before=lambda x: x.relu_())


class ForgottenOffset(Head):
    """A random offset that no checkpoint keeps."""

    def build(self, context):
        import torch

        offset = torch.randn(1)
        return pooled(context, after=lambda score: score + offset)


class FusedAttention(Head):
    """Attention by a fused kernel, whose gradient torch cannot differentiate."""

    def build(self, context):
        import torch.nn.functional as F

        def attended(x):
            pixels = x.flatten(2).transpose(1, 2)[:, None]
            return (
                F.scaled_dot_product_attention(pixels, pixels, pixels)[:, 0].transpose(1, 2).unflatten(2, x.shape[2:])
            )

        return pooled(context, before=attended)


class Counts(Head):
    """Counts its passes, those in evaluation too."""

    def build(self, context):
        import torch

        def counted(x):
            made.passes.add_(1)
            return x

        made = pooled(context, before=counted)
        made.register_buffer("passes", torch.zeros(()))
        return made


class PythonsRandom(Head):
    """Noise from Python's own generator, of which the seed knows nothing."""

    def build(self, context):
        return pooled(context, after=lambda score: score + random.gauss(0, 1))


class OnTheSphere(Head):
    """Divides the features by their length, whatever that is."""

    def build(self, context):
        return pooled(context, before=lambda x: x / x.square().sum(1, keepdim=True).sqrt())


class IdleEmbedding(Head):
    """Makes vectors for the classes and does not use them."""

    def build(self, context):
        from torch import nn

        made = pooled(context)
        made.embedding = nn.Parameter(made.score.weight.detach().clone())
        return made


class SilentClassifier(Head):
    """Says that it classifies, but its module does not."""

    def classifies(self) -> bool:
        return True

    def build(self, context):
        return pooled(context)


class PlainSequence(Head):
    """Calls the norm of its place as if it took nothing but maps."""

    def build(self, context):
        from torch import nn

        score = nn.Conv2d(context.in_channels, 1, context.size)
        return nn.Sequential(context.norm(context.in_channels), score, nn.Flatten())


class OnlyTheFeatures(Head):
    """Says that it reads attributes, but looks at none."""

    def reads_attributes(self) -> bool:
        return True

    def build(self, context):
        return pooled(context)


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", Squeezed)
    register("leaves-its-input", RectifiesInPlace)
    register("survives-state-dict", ForgottenOffset)
    register("twice-differentiable", FusedAttention)
    register("rests-in-evaluation", Counts)
    register("repeats-itself", PythonsRandom)
    register("finite-at-zero", OnTheSphere)
    register("reaches-its-parameters", IdleEmbedding)
    register("classifies-as-it-says", SilentClassifier)
    register("hands-conditions-on", PlainSequence)
    register("follows-attributes", OnlyTheFeatures)
