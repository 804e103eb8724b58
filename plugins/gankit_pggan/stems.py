"""How PGGAN's generator begins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class PgganStem(Stem):
    """A dense layer to the first feature map and a convolution, each with leaky ReLU and the norm (appendix A.1).

    The dense layer's gain is a quarter of the others' and its bias is one number a channel, as in the authors' code.
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels] to [N, out_channels, *context.size]."""
        from torch import nn

        from gankit.networks.layers import Bias, Chain, LeakyReLU, conv, dense

        channels, size = context.out_channels, context.size
        return Chain(
            dense=dense(context.in_channels, channels * math.prod(size), gain=math.sqrt(2) / 4, bias=False),
            shape=nn.Unflatten(1, (channels, *size)),
            bias=Bias(channels),
            act0=LeakyReLU(0.2),
            norm0=context.norm(),
            conv=conv(channels, channels),
            act1=LeakyReLU(0.2),
            norm1=context.norm(),
        )
