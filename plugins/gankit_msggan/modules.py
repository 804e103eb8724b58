"""Torch modules of MSG-GAN."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.layers import JoinModule, conv
from gankit.networks.precision import widened


class ConcatModule(JoinModule):
    """Puts an image, or what was made of it, beside feature maps."""

    def __init__(self, context: BuildContext, combine: Literal["simple", "lin-cat", "cat-lin"]) -> None:
        super().__init__(context)
        channels = context.out_channels
        both = channels + (channels if combine == "lin-cat" else context.image_channels)
        self.linear = conv(both, channels, 1, gain=1.0) if combine == "cat-lin" else nn.Identity()
        self.out_channels = channels if combine == "cat-lin" else both

    def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
        """Both, the image first, [N, out_channels, H, W]; alpha weighs the features, as for every join."""
        both = torch.cat([older, newer if alpha is None else alpha * newer], 1)
        return self.linear(widened(both)).to(newer.dtype) if isinstance(self.linear, nn.Conv2d) else both
