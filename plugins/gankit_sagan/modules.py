"""Torch modules of self-attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gankit.networks.precision import widened


class SelfAttention(nn.Module):
    """x + gamma * output(what each position gathers from all); gamma is one number and starts at zero."""

    def __init__(self, query: nn.Module, key: nn.Module, value: nn.Module, pool: nn.Module, output: nn.Module) -> None:
        super().__init__()
        self.query, self.key, self.value = query, key, value
        self.pool, self.output = pool, output
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps of the same shape [N, C, H, W]."""
        value = self.pool(self.value(x)).flatten(2)
        gathered = value @ self.attention(x).transpose(1, 2)
        return x + self.gamma * self.output(gathered.unflatten(2, x.shape[2:]))

    def attention(self, x: Tensor) -> Tensor:
        """How much each position takes from each key: [N, H * W, keys], every row summing to one.

        Written out, because the fused kernels of torch's scaled_dot_product_attention have no second derivative, which
        gradient penalties need. Scores are not divided by the root of their width (Zhang et al. 2019, equation 1).
        """
        query, key = self.query(x).flatten(2), self.pool(self.key(x)).flatten(2)
        return widened(query.transpose(1, 2) @ key).softmax(2)
