"""Noise on all that the discriminator sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gankit import Augmentation, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import AugmentedBatch


class InstanceNoise(Augmentation):
    """Adds normal noise to every pixel of reals and fakes, usually less and less (Sønderby et al. 2017)."""

    sigma: Scheduled[Annotated[float, Field(ge=0)]] = 0.1
    """Standard deviation of the noise, for images in [-1, 1]; as in {use: linear, start: 0.1, end: 0, over: 1M}, which
    leaves images as they are from 1M images on."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W] under noise, which goes beyond [-1, 1]."""
        import torch

        return images + self.sigma * torch.randn(images.shape, dtype=images.dtype, device=images.device)
