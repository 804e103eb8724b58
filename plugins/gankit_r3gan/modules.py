"""Torch modules of R3GAN."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gankit.networks.layers import Condition, Conditioned, dense, gained


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
    """Latents, joined by a learned vector for the label if there are classes."""

    def __init__(self, latent: int, classes: int, embedding: int) -> None:
        super().__init__()
        self.width = latent + (embedding if classes else 0)
        self.embedding = gained(nn.Embedding(classes, embedding), math.sqrt(embedding)) if classes else None

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, width] of z [N, latent] and labels [N]."""
        if self.embedding is not None and labels is not None:
            z = torch.cat([z, self.embedding(labels)], 1)
        return z[:, None].expand(-1, styles, -1)


class Projection(Conditioned):
    """The inner product of what a layer makes of features with a vector for the label."""

    def __init__(self, layer: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.layer, self.embedding = layer, embedding

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Scores [N, 1] of features [N, C] and labels [N].

        Raises:
            ValueError: if there are no labels.
            IndexError: if a label is no class.
        """
        if condition.labels is None:
            raise ValueError("a head that projects on the label's class was given no labels")
        return (self.layer(x) * self.embedding(condition.labels)).sum(1, keepdim=True)
