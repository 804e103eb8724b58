"""Torch modules of the basics."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.filters import Resample
from gankit.networks.layers import JoinModule


class Identity(nn.Module):
    """The latent as every style."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.width = latent

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, latent] of z [N, latent]."""
        return z[:, None].expand(-1, styles, -1)


class BlendModule(JoinModule):
    """Blends the new with the old."""

    def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
        """Alpha * newer + (1 - alpha) * older, of [N, C, H, W]."""
        return newer if alpha is None else torch.lerp(older, newer, alpha)


class SumModule(JoinModule):
    """Adds the new, and resamples images through a filter."""

    def __init__(self, context: BuildContext, taps: Sequence[float]) -> None:
        super().__init__(context)
        self.by = Resample(taps, "up" if context.network == "generator" else "down")

    def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
        """Older + newer, which alpha weighs, of [N, C, H, W]."""
        return older + (newer if alpha is None else alpha * newer)


class GateModule(JoinModule):
    """Adds the new through one learned number a channel; starts at zero, so that it is nothing at first."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.weight = nn.Parameter(torch.zeros(context.out_channels))

    def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
        """Older + weight * newer, of [N, C, H, W]."""
        return older + newer * self.weight.to(newer.dtype).view(1, -1, 1, 1)


class SampleNorm(nn.GroupNorm):
    """A group norm that torch 2.11 and 2.12 can train behind what is not: images, or layers that are frozen.

    They crash where gradients are asked for of scale and shift alone, of maps in channels-last.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize maps [N, C, H, W]."""
        alone = torch.is_grad_enabled() and not input.requires_grad
        return super().forward(input.contiguous() if alone else input)
