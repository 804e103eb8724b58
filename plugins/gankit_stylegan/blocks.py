"""The blocks of StyleGAN."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import Block, BuildContext
from gankit.core.options import Taps

if TYPE_CHECKING:
    from torch import nn


class StyleganBlock(Block):
    """Two 3x3 convolutions with blurred resampling; in a generator each with noise, bias, leaky ReLU and the norm.

    The blur comes after the convolution that follows going up and before the one that precedes going down (Karras et
    al. 2019, appendix C, and the authors' code).
    """

    later_options: ClassVar[tuple[str, ...]] = ("filter", "noise")

    filter: Taps | None = (1, 2, 1)
    """The blur along rows and columns; null: none."""
    noise: bool = True
    """Add noise to the feature maps of each convolution of a generator."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        return self._up(context) if context.network == "generator" else self._down(context)

    def _up(self, context: BuildContext) -> nn.Module:
        from gankit.networks.layers import Chain, conv
        from gankit_stylegan.modules import epilogue

        channels = context.out_channels
        return Chain(
            conv0=conv(context.in_channels, channels, bias=False, resample=context.resample),
            blur=self._blur(),
            **epilogue(context, channels, 0, self.noise),
            conv1=conv(channels, channels, bias=False),
            **epilogue(context, channels, 1, self.noise),
        )

    def _down(self, context: BuildContext) -> nn.Module:
        from gankit.networks.layers import Bias, Chain, LeakyReLU, conv

        inputs, outputs = context.in_channels, context.out_channels
        return Chain(
            conv0=conv(inputs, inputs),
            act0=LeakyReLU(0.2),
            norm0=context.norm(inputs),
            blur=self._blur(),
            conv1=conv(inputs, outputs, bias=False, resample=context.resample),
            bias1=Bias(outputs),
            act1=LeakyReLU(0.2),
            norm1=context.norm(outputs),
        )

    def _blur(self) -> nn.Module:
        from torch import nn

        from gankit_stylegan.modules import Blur

        return nn.Identity() if self.filter is None else Blur(self.filter)
