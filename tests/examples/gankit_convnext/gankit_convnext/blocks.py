"""The block of ConvNeXt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Block, BuildContext
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class ConvNext(Block):
    """A 7x7 convolution of each channel, the norm, and two 1x1 convolutions with GELU between, added to its input.

    The block of Liu et al. 2022, figure 4, without LayerScale, and with the norm that the network names. The residual
    keeps channels and resolution. Where channels change, a 1x1 convolution stands before it in a generator and after it
    in a discriminator, so that it never works on the image itself. It goes up by repeating pixels, down by averaging.
    """

    expansion: int = Field(default=4, ge=1, le=16)
    """Channels between the two 1x1 convolutions, in multiples of those outside."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from gankit.networks.layers import Chain, conv, gained, resampling
        from torch import nn

        from gankit_convnext.modules import Residual

        inputs, outputs = context.in_channels, context.out_channels
        # the image is at a generator's end and at a discriminator's beginning
        width = outputs if (context.network == "generator") != context.outermost else inputs
        path = Chain(
            each=gained(nn.Conv2d(width, width, 7, padding=3, groups=width), gain=1.0),
            norm=context.norm(width),
            widen=conv(width, self.expansion * width, 1),
            act=nn.GELU(),
            narrow=conv(self.expansion * width, width, 1, gain=1.0),
        )
        return Chain(
            enter=nn.Identity() if width == inputs else conv(inputs, width, 1, gain=1.0),
            up=resampling(context.resample, "up"),
            residual=Residual(path),
            down=resampling(context.resample, "down"),
            leave=nn.Identity() if width == outputs else conv(width, outputs, 1, gain=1.0),
        )
