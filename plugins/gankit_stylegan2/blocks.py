"""The blocks of StyleGAN2."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import Block, BuildContext
from gankit.core.options import Taps

if TYPE_CHECKING:
    from torch import nn


class Stylegan2Block(Block):
    """Two 3x3 convolutions with leaky ReLU; in a generator modulated by styles, each with noise (Karras et al. 2020).

    Figure 7 of the paper has three variants of both networks. Original: as it is. Skip: with `join: sum` beside it.
    Residual: with `residual: true`. The paper's choice are a generator with skips and a residual discriminator.
    """

    later_options: ClassVar[tuple[str, ...]] = ("noise",)

    residual: bool = False
    """Add a shortcut of a 1x1 convolution, and multiply the sum by the root of a half."""
    filter: Taps = (1, 3, 3, 1)
    """The filter of the resampling: after a convolution that goes up, before one that goes down."""
    noise: bool = True
    """Add noise to the feature maps of each convolution of a generator."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from gankit.networks.filters import Resample
        from gankit.networks.layers import Chain, conv
        from gankit_stylegan2.modules import ScaledSum

        path = self._generator(context) if context.network == "generator" else self._discriminator(context)
        if not self.residual:
            return path
        shortcut = {"conv": conv(context.in_channels, context.out_channels, 1, gain=1.0, bias=False)}
        if context.resample is not None:  # the same in either order; the convolution is where there are fewer pixels
            filtered = {"resample": Resample(self.filter, context.resample)}
            shortcut = shortcut | filtered if context.resample == "up" else filtered | shortcut
        return ScaledSum(path, Chain(**shortcut))

    def _generator(self, context: BuildContext) -> nn.Module:
        from gankit.networks.layers import Chain
        from gankit_stylegan2.modules import styled_conv

        return Chain(
            conv0=styled_conv(
                context, context.in_channels, self.noise, self.filter if context.resample == "up" else None
            ),
            conv1=styled_conv(context, context.out_channels, self.noise),
        )

    def _discriminator(self, context: BuildContext) -> nn.Module:
        from gankit.networks.layers import Chain, conv
        from gankit_stylegan2.modules import GainedLeakyReLU, down_conv

        inputs, outputs = context.in_channels, context.out_channels
        down = context.resample == "down"
        return Chain(
            conv0=conv(inputs, inputs, gain=1.0),
            act0=GainedLeakyReLU(),
            norm0=context.norm(inputs),
            conv1=down_conv(inputs, outputs, self.filter) if down else conv(inputs, outputs, gain=1.0),
            act1=GainedLeakyReLU(),
            norm1=context.norm(outputs),
        )


class Stylegan2Rgb(Block):
    """A 1x1 convolution between feature maps and images: modulated and linear into one, with leaky ReLU out of one.

    Into an image it uses the style that comes next, which the next resolution's first convolution uses too.
    """

    resamples: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module from features to an image in a generator, from an image to features in a discriminator."""
        from gankit.networks.layers import Bias, Chain, conv
        from gankit_stylegan2.modules import GainedLeakyReLU, ModulatedConv

        inputs, outputs = context.in_channels, context.out_channels
        if context.network == "generator":
            to_image = ModulatedConv(inputs, outputs, context.width, 1, demodulate=False)
            return Chain(conv=to_image, bias=Bias(outputs))
        return Chain(conv=conv(inputs, outputs, 1, gain=1.0), act=GainedLeakyReLU())
