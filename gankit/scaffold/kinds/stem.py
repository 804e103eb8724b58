from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from gankit import BuildContext, Stem, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class ExampleStem(Stem):
    """A linear layer from the style to the first feature map, the norm and a leaky ReLU."""

    slope: float = Field(default=0.2, ge=0, le=1)
    """Of the leaky ReLU."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from the first style [N, in_channels] to [N, out_channels, *context.size]."""
        from gankit.networks.layers import Chain, dense
        from torch import nn

        return Chain(
            dense=dense(context.in_channels, context.out_channels * prod(context.size)),
            shape=nn.Unflatten(1, (context.out_channels, *context.size)),
            norm=context.norm(),
            act=nn.LeakyReLU(self.slope),
        )


@hookimpl
def gankit_register(register):
    register("example", ExampleStem)
