"""Torch modules of the diversity layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinibatchStddev(nn.Module):
    """The standard deviation over a group, averaged over channels and pixels, as one more feature map.

    Sample n belongs to group n mod (N / group); the variance is biased; the root is taken before the mean.
    """

    def __init__(self, channels: int, group: int) -> None:
        super().__init__()
        self.group, self.out_channels = group, channels + 1

    def forward(self, x: Tensor) -> Tensor:
        """Append the statistic to [N, C, H, W].

        Raises:
            ValueError: if N is above the group size and no multiple of it.
        """
        count, channels, height, width = x.shape
        group = min(self.group, count)
        if count % group:
            raise ValueError(f"minibatch-stddev: a batch of {count} does not split into groups of {group}")
        grouped = x.reshape(group, count // group, channels, height, width)
        variance = (grouped - grouped.mean(0)).square().mean(0)  # torch's var is several times slower here
        deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))
        statistic = deviation.repeat(group).view(count, 1, 1, 1).expand(count, 1, height, width)
        return torch.cat([x, statistic], 1)
