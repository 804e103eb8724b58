"""How StyleGAN's generator begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class StyleganStem(Stem):
    """A learned constant and a convolution, each followed by noise, bias, leaky ReLU and the norm (figure 1b)."""

    later_options: ClassVar[tuple[str, ...]] = ("noise",)

    noise: bool = True
    """Add noise to the feature maps of both."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from styles to [N, out_channels, *context.size]; the constant starts at one."""
        from gankit.networks.layers import Chain, conv
        from gankit_stylegan.modules import Constant, epilogue

        channels = context.out_channels
        return Chain(
            constant=Constant(channels, context.size),
            **epilogue(context, channels, 0, self.noise),
            conv=conv(channels, channels, bias=False),
            **epilogue(context, channels, 1, self.noise),
        )
