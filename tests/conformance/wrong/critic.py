"""Critics that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

from typing import Any

from gankit import Critic, hookimpl


def judging(context, before=None, after=None) -> Any:
    """A convolution whose outputs are scores of patches, with functions before and after it."""
    from torch import nn

    from gankit.networks.layers import Function

    return nn.Sequential(
        Function(before or (lambda x: x)),
        nn.Conv2d(context.image_channels, 1, 3, padding=1),
        Function(after or (lambda x: x.flatten(1))),
    )


class Maps(Critic):
    """Gives maps rather than scores of patches."""

    def build(self, context):
        return judging(context, after=lambda scores: scores)


class Detached(Critic):
    """Lets no gradient through to images."""

    def build(self, context):
        return judging(context, before=lambda images: images.detach())


class OneForAll(Critic):
    """Judges the first image alone."""

    def build(self, context):
        return judging(context, before=lambda images: images[:1].expand_as(images))


class Forgetful(Critic):
    """A random projection that no checkpoint keeps."""

    def build(self, context):
        import torch

        mixing = torch.randn(context.image_channels, context.image_channels)
        return judging(context, before=lambda images: torch.einsum("ij,njhw->nihw", mixing, images))


@hookimpl
def gankit_register(register):
    register("judges-every-image", Maps)
    register("judges-every-image.2", Detached)
    register("judges-every-image.3", OneForAll)
    register("keeps-its-state", Forgetful)
