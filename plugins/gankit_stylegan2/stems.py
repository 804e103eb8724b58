"""How StyleGAN2's generator begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class Stylegan2Stem(Stem):
    """A learned constant and a modulated convolution with noise, bias and leaky ReLU (Karras et al. 2020, figure 2)."""

    later_options: ClassVar[tuple[str, ...]] = ("noise",)

    noise: bool = True
    """Add noise to the feature maps of the convolution."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from styles to [N, out_channels, *context.size]; the constant starts from a normal distribution."""
        from torch import nn

        from gankit.networks.layers import Chain
        from gankit_stylegan.modules import Constant
        from gankit_stylegan2.modules import styled_conv

        constant = Constant(context.out_channels, context.size)
        nn.init.normal_(constant.constant)
        return Chain(constant=constant, conv=styled_conv(context, context.out_channels, self.noise))
