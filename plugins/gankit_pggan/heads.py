"""How PGGAN's discriminator ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Head, Place

if TYPE_CHECKING:
    from torch import nn


class PgganHead(Head):
    """A 3x3 convolution, a dense layer over the whole map and a linear score (Karras et al. 2018, table 2)."""

    def build(self, place: Place) -> nn.Module:
        """A module from [N, in_channels, resolution, resolution] to [N, 1]."""
        from torch import nn

        from gankit.layers import Chain, conv, dense

        channels = place.out_channels
        return Chain(
            conv=conv(place.in_channels, channels),
            act0=nn.LeakyReLU(0.2),
            flatten=nn.Flatten(),
            dense0=dense(channels * place.resolution**2, channels),
            act1=nn.LeakyReLU(0.2),
            dense1=dense(channels, 1, gain=1.0),
        )
