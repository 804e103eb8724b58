"""How the discriminators of residual blocks end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gankit import BuildContext, Head

if TYPE_CHECKING:
    from torch import nn


class ProjectionHead(Head):
    """A head that conditions its score on labels by a projection, unless it is to ignore them."""

    labels: Literal["project", "ignore"] = "project"
    """Use of labels, if the data has them. project: a projection discriminator; ignore: none."""

    def reads_labels(self) -> bool:
        """True if it projects."""
        return self.labels == "project"

    def reads_attributes(self) -> bool:
        """As it reads classes."""
        return self.reads_labels()


class SnganHead(ProjectionHead):
    """ReLU, the sum or mean of each feature map, and a linear score (Miyato et al. 2018, table 4).

    With labels, the score gains the inner product of the pooled features with a learned vector for the class: a
    projection discriminator (Miyato and Koyama 2018, figure 1d). The vector of attributes is a linear map of them.
    """

    pool: Literal["sum", "mean"] = "sum"
    """sum: SNGAN and SAGAN; mean: the residual critic of WGAN-GP (Gulrajani et al. 2017)."""
    bias: bool = True
    """Whether the score has a bias; SNGAN's on CIFAR-10 has none."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to scores [N, 1], conditioned on the label if it projects."""
        from torch import nn

        from gankit.networks.layers import Chain, Function, dense
        from gankit_sngan.modules import ProjectionScore, label_embedding

        channels = context.in_channels
        score = dense(channels, 1, gain=1.0, bias=self.bias)
        if self.labels == "project" and (embedding := label_embedding(context, channels)) is not None:
            score = ProjectionScore(score, embedding)
        return Chain(
            act=nn.ReLU(),
            pool=Function(lambda x: x.sum((2, 3)) if self.pool == "sum" else x.mean((2, 3))),
            score=score,
        )
