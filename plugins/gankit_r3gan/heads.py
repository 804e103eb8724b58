"""How R3GAN's discriminator ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gankit import BuildContext
from gankit_sngan.heads import ProjectionHead

if TYPE_CHECKING:
    from torch import nn


class R3ganHead(ProjectionHead):
    """A filter as large as the map for each channel, then a linear score without bias (Huang et al. 2024).

    With labels the linear layer gives as many numbers as a learned vector for the class has, and the score is their
    inner product: a projection discriminator (Miyato and Koyama 2018) without a score of its own. The vector of
    attributes is a linear map of them.
    """

    embedding: int = Field(default=64, ge=1, le=1_000_000)
    """Length of the vector for a class."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, *context.size] to scores [N, 1], conditioned on the label if it projects."""
        from torch import nn

        from gankit.networks.layers import Chain, Conv2d, dense, gained
        from gankit_sngan.modules import Projection, label_embedding

        channels = context.in_channels
        embedding = label_embedding(context, self.embedding) if self.labels == "project" else None
        score = dense(channels, self.embedding if embedding else 1, gain=1.0, bias=False)
        return Chain(
            basis=gained(Conv2d(channels, channels, context.size, groups=channels, bias=False), 1.0),
            flatten=nn.Flatten(),
            score=Projection(score, embedding) if embedding else score,
        )
