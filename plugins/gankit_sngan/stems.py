"""How the generators of residual blocks begin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gankit import Place, Stem

if TYPE_CHECKING:
    from torch import nn


class SnganStem(Stem):
    """A linear layer to the first feature map, without norm or activation (Miyato et al. 2018, table 4).

    The residual block that follows begins with both.
    """

    def build(self, place: Place) -> nn.Module:
        """A module from [N, in_channels] to [N, out_channels, *place.size]."""
        from torch import nn

        from gankit.layers import Chain, dense

        channels, size = place.out_channels, place.size
        return Chain(
            dense=dense(place.in_channels, channels * math.prod(size), gain=1.0),
            shape=nn.Unflatten(1, (channels, *size)),
        )
