from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Critic, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class ExampleCritic(Critic):
    """Scores patches of the image: the second discriminator of pix2pix and its like, with few layers."""

    width: int = Field(default=8, ge=1, le=1024)
    """Feature maps."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from images [N, C, H, W] to scores [N, patches]."""
        from gankit.networks.layers import conv
        from torch import nn

        return nn.Sequential(
            conv(context.image_channels, self.width, resample="down"),
            nn.LeakyReLU(0.2),
            conv(self.width, 1, gain=1.0),
            nn.Flatten(),
        )


@hookimpl
def gankit_register(register):
    register("example", ExampleCritic)
