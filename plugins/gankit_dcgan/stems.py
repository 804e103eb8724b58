"""How DCGAN's generator begins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class DcganStem(Stem):
    """A transposed convolution of the latent, as an image of one pixel, to the first feature map; norm and ReLU.

    Its kernel is as large as the map, and it has no bias (Radford et al. 2016; PyTorch's example).
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels] to [N, out_channels, *context.size]."""
        from torch import nn

        from gankit.networks.layers import Chain, gained

        convolution = nn.ConvTranspose2d(context.in_channels, context.out_channels, context.size, bias=False)
        return Chain(
            pixel=nn.Unflatten(1, (context.in_channels, 1, 1)),
            # each output meets one weight of the kernel; the gain makes up for all the others
            conv=gained(convolution, math.sqrt(2 * math.prod(context.size))),
            norm=context.norm(),
            act=nn.ReLU(),
        )
