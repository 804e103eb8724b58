"""The blocks of StyleGAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Block, Place

if TYPE_CHECKING:
    from torch import nn


class StyleganBlock(Block):
    """Two 3x3 convolutions with blurred resampling; in a generator each with noise, bias, leaky ReLU and the norm.

    The blur (1, 2, 1) comes after the convolution that follows going up and before the one that precedes going down
    (Karras et al. 2019, appendix C, and the authors' code).
    """

    def build(self, place: Place) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        return self._up(place) if place.network == "generator" else self._down(place)

    def _up(self, place: Place) -> nn.Module:
        from gankit.layers import Chain, conv, resampling
        from gankit_stylegan.modules import Blur, epilogue

        channels = place.out_channels
        return Chain(
            up=resampling(place.resample, "up"),
            conv0=conv(place.in_channels, channels, bias=False),
            blur=Blur(),
            **epilogue(place, channels, 0),
            conv1=conv(channels, channels, bias=False),
            **epilogue(place, channels, 1),
        )

    def _down(self, place: Place) -> nn.Module:
        from torch import nn

        from gankit.layers import Bias, Chain, conv, resampling
        from gankit_stylegan.modules import Blur

        inputs, outputs = place.in_channels, place.out_channels
        return Chain(
            conv0=conv(inputs, inputs),
            act0=nn.LeakyReLU(0.2),
            norm0=place.norm(inputs),
            blur=Blur(),
            conv1=conv(inputs, outputs, bias=False),
            down=resampling(place.resample, "down"),
            bias1=Bias(outputs),
            act1=nn.LeakyReLU(0.2),
            norm1=place.norm(outputs),
        )
