"""Norms of no single GAN paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import Norm, Place

if TYPE_CHECKING:
    from torch import nn


class Batch(Norm):
    """Batch normalization (Ioffe and Szegedy 2015): over batch, height and width, with learned scale and shift."""

    mixes_samples: ClassVar[bool] = True

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance."""

    def build(self, place: Place) -> nn.Module:
        """A batch norm of `place.out_channels` maps."""
        from torch import nn

        return nn.BatchNorm2d(place.out_channels, eps=self.eps)
