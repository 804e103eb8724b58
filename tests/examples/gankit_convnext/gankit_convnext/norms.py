"""Root mean square normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Norm
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class RootMeanSquare(Norm):
    """Divides each pixel by the root mean square of its channels, and scales each channel (Zhang and Sennrich 2019).

    ConvNeXt normalizes each pixel too, but subtracts its mean first, so that of a single channel nothing would be left.
    """

    eps: float = Field(default=1e-6, gt=0, le=1)
    """Added to the mean square."""

    def build(self, context: BuildContext) -> nn.Module:
        """A norm of `context.out_channels` maps."""
        from gankit_convnext.modules import RmsNorm

        return RmsNorm(context.out_channels, self.eps)
