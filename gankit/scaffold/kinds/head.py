from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Head, hookimpl

if TYPE_CHECKING:
    from torch import nn


class ExampleHead(Head):
    """A 3x3 convolution, a leaky ReLU and a linear score of the mean over all positions, or of each position."""

    patches: bool = False
    """Give one score for each position instead, so that the generator is told where an image looks wrong."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to scores [N, 1], or [N, H * W] of patches."""
        from gankit.networks.layers import Chain, conv
        from torch import nn

        return Chain(
            conv=conv(context.in_channels, context.in_channels),
            act=nn.LeakyReLU(0.2),
            pool=nn.Identity() if self.patches else nn.AdaptiveAvgPool2d(1),
            score=conv(context.in_channels, 1, 1, gain=1.0),
            flatten=nn.Flatten(),
        )


@hookimpl
def gankit_register(register):
    register("example", ExampleHead)
