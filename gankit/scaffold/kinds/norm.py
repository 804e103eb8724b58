from math import gcd

from gankit import BuildContext, Norm, hookimpl
from pydantic import Field


class ExampleNorm(Norm):
    """Group normalization (Wu and He 2018): over groups of channels, height and width of each sample."""

    groups: int = Field(default=8, ge=1, le=1024)
    """Groups of channels; as many as also divide the channels, if these do not."""

    def build(self, context: BuildContext):
        """A norm of `context.out_channels` maps, with a learned scale and shift for each."""
        from torch import nn

        return nn.GroupNorm(gcd(self.groups, context.out_channels), context.out_channels)


@hookimpl
def gankit_register(register):
    register("example", ExampleNorm)
