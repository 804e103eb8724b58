"""The block of DCGAN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gankit import Block, BuildContext

if TYPE_CHECKING:
    from torch import nn


class Dcgan(Block):
    """A convolution, the norm, and ReLU in a generator or leaky ReLU in a discriminator (Radford et al. 2016).

    The convolution is 4x4 with stride 2, transposed to go up, as in PyTorch's example; where the resolution stays, it
    is 3x3 with stride 1. A block that reads or writes the image itself has no norm, and what it writes passes through
    nothing but the generator's `output`. It may also stand under `rgb`.
    """

    bias: bool = False
    """Give the convolution a bias, as Gulrajani et al. 2017 do; PyTorch's example has none. With neither bias nor norm
    a discriminator is homogeneous, D(c x) = c D(x), and a fake of negative score gains by losing its contrast."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from torch import nn

        from gankit.networks.layers import Chain, LeakyReLU

        generates = context.network == "generator"
        writes_image = generates and context.outermost
        return Chain(
            conv=_convolution(context, 1.0 if writes_image else math.sqrt(2), self.bias),
            norm=nn.Identity() if context.outermost else context.norm(),
            act=nn.Identity() if writes_image else nn.ReLU() if generates else LeakyReLU(0.2),
        )


def _convolution(context: BuildContext, gain: float, bias: bool) -> nn.Module:
    """The convolution that resamples as `context` says; its outputs vary `gain`^2 times as much as its inputs."""
    from torch import nn

    from gankit.networks.layers import Conv2d, conv, gained

    inputs, outputs = context.in_channels, context.out_channels
    if context.resample == "up":
        # each output meets a quarter of the kernel, so the gain is twice as high to make up for it
        return gained(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias), 2 * gain)
    if context.resample == "down":
        return gained(Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias), gain)
    return conv(inputs, outputs, gain=gain, bias=bias)
