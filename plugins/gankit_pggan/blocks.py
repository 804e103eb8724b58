"""The blocks of PGGAN (Karras et al. 2018, table 2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import Block, BuildContext

if TYPE_CHECKING:
    from torch import nn


class Conv(Block):
    """Two 3x3 convolutions, each with bias, leaky ReLU and the norm; goes up by repeating pixels, down by averaging."""

    later_options: ClassVar[tuple[str, ...]] = ("averaging",)

    averaging: Literal["last", "before-activation"] = "last"
    """Where a block goes down. last: as in table 2 of the paper. before-activation: between the second convolution and
    its leaky ReLU, as in the authors' code unless its `fused_scale` is off; of equal weights it is another network."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from torch import nn

        from gankit.networks.layers import Chain, LeakyReLU, conv, resampling

        inputs, outputs = context.in_channels, context.out_channels
        between = outputs if context.network == "generator" else inputs
        up, down = ("up", None) if context.resample == "up" else (None, context.resample)
        last = self.averaging == "last"
        return Chain(
            conv0=conv(inputs, between, resample=up),
            act0=LeakyReLU(0.2),
            norm0=context.norm(between),
            conv1=conv(between, outputs, resample=None if last else down),
            act1=LeakyReLU(0.2),
            norm1=context.norm(outputs),
            down=resampling(down, "down") if last else nn.Identity(),
        )


class Rgb(Block):
    """A 1x1 convolution between feature maps and images: linear into an image, with leaky ReLU out of it."""

    resamples: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module from features to an image in a generator, from an image to features in a discriminator."""
        from gankit.networks.layers import Chain, LeakyReLU, conv

        if context.network == "generator":
            return conv(context.in_channels, context.out_channels, 1, gain=1.0)
        return Chain(
            conv=conv(context.in_channels, context.out_channels, 1, gain=math.sqrt(2)),
            act=LeakyReLU(0.2),
        )
