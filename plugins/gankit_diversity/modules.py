"""Torch modules of the diversity layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gankit.networks.layers import dense


class MinibatchStddev(nn.Module):
    """The standard deviation over a group, averaged over channels and pixels, as one more feature map.

    Sample n belongs to group n mod (N / group); the variance is biased; the root is taken before the mean. With several
    `features` each is the average over a share of the channels, in their order.
    """

    def __init__(self, channels: int, group: int, features: int = 1) -> None:
        super().__init__()
        self.group, self.features, self.out_channels = group, features, channels + features

    def forward(self, x: Tensor) -> Tensor:
        """Append the statistics to [N, C, H, W]: [N, C + features, H, W].

        Raises:
            ValueError: if N is above the group size and no multiple of it.
        """
        count, channels, height, width = x.shape
        group = min(self.group, count)
        if count % group:
            raise ValueError(f"minibatch-stddev: a batch of {count} does not split into groups of {group}")
        grouped = x.reshape(group, count // group, channels, height, width)
        variance = (grouped - grouped.mean(0)).square().mean(0)  # torch's var is several times slower here
        deviation = (variance + 1e-8).sqrt().unflatten(1, (self.features, -1)).mean((2, 3, 4))
        statistics = deviation.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([x, statistics], 1)


class MinibatchDiscrimination(nn.Module):
    """How near each sample is to the others of its batch, by several learned projections, as constant feature maps.

    The projections are one dense layer over the flattened maps, the paper's tensor T. Every map that is appended holds
    one number, so a convolution or a dense layer that follows sees what it would see beside flattened features.
    """

    def __init__(self, channels: int, size: tuple[int, int], kernels: int, dimensions: int, include_self: bool) -> None:
        super().__init__()
        self.kernels, self.include_self = kernels, include_self
        self.out_channels = channels + kernels
        self.project = dense(channels * size[0] * size[1], kernels * dimensions, gain=1.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Append the nearness to [N, C, H, W]: [N, C + kernels, H, W]."""
        nearness = self.nearness(x.flatten(1))
        return torch.cat([x, nearness[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)

    def nearness(self, features: Tensor) -> Tensor:
        """The paper's o, [N, kernels], of features [N, A]."""
        projected = self.project(features).unflatten(1, (self.kernels, -1))
        distances = (projected[:, None] - projected).abs().sum(3)
        nearness = (-distances).exp().sum(1)
        return nearness if self.include_self else nearness - 1  # a sample's nearness to itself is exp(0)
