"""How DCGAN's discriminator ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Head

if TYPE_CHECKING:
    from torch import nn


class DcganHead(Head):
    """One convolution over the whole feature map to a score (Radford et al. 2016; PyTorch's example).

    The score is the logit: losses that speak of probabilities apply the sigmoid themselves.
    """

    bias: bool = False
    """Give the convolution a bias; PyTorch's example has none."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, *context.size] to scores [N, 1]."""
        from torch import nn

        from gankit.networks.layers import Chain, Conv2d, gained

        return Chain(
            conv=gained(Conv2d(context.in_channels, 1, context.size, bias=self.bias), 1.0),
            flatten=nn.Flatten(),
        )
