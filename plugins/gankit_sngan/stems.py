"""How the generators of residual blocks begin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class SnganStem(Stem):
    """A linear layer to the first feature map, without norm or activation (Miyato et al. 2018, table 4).

    The residual block that follows begins with both.
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels] to [N, out_channels, *context.size]."""
        from torch import nn

        from gankit.networks.layers import Chain, dense

        channels, size = context.out_channels, context.size
        return Chain(
            dense=dense(context.in_channels, channels * math.prod(size), gain=1.0),
            shape=nn.Unflatten(1, (channels, *size)),
        )
