"""Norms of no single GAN paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import BuildContext, Norm

if TYPE_CHECKING:
    from torch import nn


class Batch(Norm):
    """Batch normalization (Ioffe and Szegedy 2015): over batch, height and width, with learned scale and shift."""

    mixes_samples: ClassVar[bool] = True

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance."""
    gain_std: float = Field(default=0.0, ge=0)
    """Standard deviation of the starting scales around one; DCGAN's are drawn with 0.02."""

    def build(self, context: BuildContext) -> nn.Module:
        """A batch norm of `context.out_channels` maps."""
        from torch import nn

        norm = nn.BatchNorm2d(context.out_channels, eps=self.eps)
        if self.gain_std:
            nn.init.normal_(norm.weight, 1, self.gain_std)
        return norm


class Layer(Norm):
    """Layer normalization (Ba et al. 2016): over channels, height and width of each sample; 1e-5 joins the variance.

    Scale and shift are learned for each channel, not for each pixel. What Gulrajani et al. 2017, section 4, put in the
    place of a critic's batch normalization.
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A layer norm of `context.out_channels` maps of any size."""
        from gankit_basics.modules import SampleNorm

        return SampleNorm(1, context.out_channels)
