"""The blocks of PGGAN (Karras et al. 2018, table 2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from gankit import Block, Place

if TYPE_CHECKING:
    from torch import nn


class Conv(Block):
    """Two 3x3 convolutions, each with bias, leaky ReLU and the norm; goes up by repeating pixels, down by averaging."""

    def build(self, place: Place) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from torch import nn

        from gankit.layers import Chain, conv, resampling

        inputs, outputs = place.in_channels, place.out_channels
        between = outputs if place.network == "generator" else inputs
        return Chain(
            up=resampling(place.resample, "up"),
            conv0=conv(inputs, between),
            act0=nn.LeakyReLU(0.2),
            norm0=place.norm(between),
            conv1=conv(between, outputs),
            act1=nn.LeakyReLU(0.2),
            norm1=place.norm(outputs),
            down=resampling(place.resample, "down"),
        )


class Rgb(Block):
    """A 1x1 convolution between feature maps and images: linear into an image, with leaky ReLU out of it."""

    resamples: ClassVar[bool] = False

    def build(self, place: Place) -> nn.Module:
        """A module from features to an image in a generator, from an image to features in a discriminator."""
        from torch import nn

        from gankit.layers import Chain, conv

        if place.network == "generator":
            return conv(place.in_channels, place.out_channels, 1, gain=1.0)
        return Chain(
            conv=conv(place.in_channels, place.out_channels, 1, gain=math.sqrt(2)),
            act=nn.LeakyReLU(0.2),
        )
