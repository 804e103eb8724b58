"""Torch modules of R3GAN."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.layers import dense
from gankit_sngan.modules import label_embedding


class Basis(nn.Module):
    """A learned feature map, its channels weighed by a linear layer; it starts from a normal distribution."""

    def __init__(self, inputs: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels, *size))
        self.weights = dense(inputs, channels, gain=1.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps [N, channels, *size] of [N, inputs]."""
        return self.basis * self.weights(x)[:, :, None, None]


class LabelledLatent(nn.Module):
    """Latents, joined by a learned vector for the label if there are classes or attributes."""

    def __init__(self, context: BuildContext, embedding: int) -> None:
        super().__init__()
        self.embedding = label_embedding(context, embedding, math.sqrt(embedding))
        self.width = context.latent + (embedding if self.embedding else 0)

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, width] of z [N, latent] and labels."""
        if self.embedding is not None and labels is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        return z[:, None].expand(-1, styles, -1)
