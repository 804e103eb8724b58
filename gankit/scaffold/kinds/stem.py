from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from gankit import Place, Stem, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class ExampleStem(Stem):
    """A linear layer from the style to the first feature map, the norm and a leaky ReLU."""

    slope: float = Field(default=0.2, ge=0, le=1)
    """Of the leaky ReLU."""

    def build(self, place: Place) -> nn.Module:
        """A module from the first style [N, in_channels] to [N, out_channels, *place.size]."""
        from gankit.layers import Chain, dense
        from torch import nn

        return Chain(
            dense=dense(place.in_channels, place.out_channels * prod(place.size)),
            shape=nn.Unflatten(1, (place.out_channels, *place.size)),
            norm=place.norm(),
            act=nn.LeakyReLU(self.slope),
        )


@hookimpl
def gankit_register(register):
    register("example", ExampleStem)
