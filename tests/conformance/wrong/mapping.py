"""Mappings that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import Any

from gankit import LatentMapping, hookimpl


def module(forward, width: int, **members) -> Any:
    """A module of `members` that runs forward(itself, z, labels, styles)."""
    from torch import nn

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.width = width
            for name, member in members.items():
                setattr(self, name, member)

        def forward(self, z, labels, styles: int):
            return forward(self, z, labels, styles)

    return Module()


def repeated(style, styles: int):
    """Styles [N, styles, width] of one style [N, width]."""
    return style[:, None].expand(-1, styles, -1)


class OneStyle(LatentMapping):
    """Forgets that each part of the generator wants a style."""

    def build(self, context):
        return module(lambda self, z, labels, styles: z, context.latent)


class SquashesInPlace(LatentMapping):
    """Saves memory at the cost of whoever made the latents."""

    def build(self, context):
        return module(lambda self, z, labels, styles: repeated(z.tanh_(), styles), context.latent)


class ForgottenProjection(LatentMapping):
    """A fixed random projection that no checkpoint keeps."""

    def build(self, context):
        import torch

        projection = torch.randn(context.latent, 5)
        return module(lambda self, z, labels, styles: repeated(z @ self.projection, styles), 5, projection=projection)


class WrittenOutSwish(LatentMapping):
    """A backward pass of its own, on numbers that have lost their graph."""

    def build(self, context):
        import torch

        class Swish(torch.autograd.Function):
            @staticmethod
            def forward(ctx, z):
                ctx.share = z.detach().sigmoid()
                ctx.z = z.detach()
                return z * ctx.share

            @staticmethod
            def backward(ctx, *grads):
                return grads[0] * ctx.share * (1 + ctx.z * (1 - ctx.share))

        return module(lambda self, z, labels, styles: repeated(Swish.apply(z), styles), context.latent)


class AlwaysFollows(LatentMapping):
    """Its running mean moves while samples are drawn."""

    def build(self, context):
        import torch

        def forward(self, z, labels, styles):
            self.mean.lerp_(z.detach().mean(0), 0.1)
            return repeated(z, styles)

        made = module(forward, context.latent)
        made.register_buffer("mean", torch.zeros(context.latent))
        return made


class PythonsRandom(LatentMapping):
    """Drops styles by Python's own generator, of which the seed knows nothing."""

    def build(self, context):
        return module(lambda self, z, labels, styles: repeated(z * random.random(), styles), context.latent)


class Centred(LatentMapping):
    """Takes the mean of the batch from each latent."""

    def build(self, context):
        return module(lambda self, z, labels, styles: repeated(z - z.mean(0), styles), context.latent)


class OnTheSphere(LatentMapping):
    """Divides by the length, whatever that is."""

    def build(self, context):
        return module(
            lambda self, z, labels, styles: repeated(z / z.square().sum(1, keepdim=True).sqrt(), styles), context.latent
        )


class IdleLayer(LatentMapping):
    """Makes a layer and does not use it."""

    def build(self, context):
        from torch import nn

        return module(lambda self, z, labels, styles: repeated(z, styles), context.latent, layer=nn.Linear(3, 3))


class CutsNothingOff(LatentMapping):
    """Truncates all styles, whatever the cutoff."""

    def build(self, context):
        made = module(lambda self, z, labels, styles: repeated(z, styles), context.latent)
        made.truncated = lambda styles, psi, cutoff: psi * styles
        return made


class HalvesLatents(LatentMapping):
    """Takes latents nearer to 0 instead of to where they are to end."""

    def build(self, context):
        made = module(lambda self, z, labels, styles: repeated(z, styles), context.latent)
        made.truncated_latents = lambda z, threshold: z / 2
        return made


class OnlyTheLatent(LatentMapping):
    """Says that it reads attributes, but looks at none."""

    def reads_attributes(self) -> bool:
        return True

    def build(self, context):
        return module(lambda self, z, labels, styles: repeated(z, styles), context.latent)


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", OneStyle)
    register("leaves-its-input", SquashesInPlace)
    register("survives-state-dict", ForgottenProjection)
    register("twice-differentiable", WrittenOutSwish)
    register("rests-in-evaluation", AlwaysFollows)
    register("repeats-itself", PythonsRandom)
    register("samples-stay-apart", Centred)
    register("finite-at-zero", OnTheSphere)
    register("reaches-its-parameters", IdleLayer)
    register("truncates", CutsNothingOff)
    register("truncates.2", HalvesLatents)
    register("follows-attributes", OnlyTheLatent)
