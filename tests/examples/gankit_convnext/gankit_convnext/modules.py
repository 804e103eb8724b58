"""Torch modules; nothing imports this file before a network is built."""

from __future__ import annotations

import torch
from gankit.networks.layers import Condition, Conditioned, run, styles_of
from torch import Tensor, nn


class Residual(Conditioned):
    """A path added to its input; the norms in the path may ask for styles or labels."""

    def __init__(self, path: nn.Module) -> None:
        super().__init__()
        self.path = path
        self.styles = styles_of(path)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Run the path on [N, C, H, W]."""
        return x + run(self.path, x, condition)


class RmsNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) over the channels of each pixel, times one learned number a channel; starts at one."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalize [N, C, H, W]."""
        return self.scale * x * torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)
