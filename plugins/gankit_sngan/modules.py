"""Torch modules of SNGAN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit.layers import Condition, Conditioned, run, styles_of


class Sum(Conditioned):
    """The sum of a path, which consumes its styles, and of the shortcut past it."""

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path, self.shortcut = path, shortcut
        self.styles = styles_of(path)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Run both on [N, C, H, W]."""
        return run(self.shortcut, x, condition) + run(self.path, x, condition)


class SpectralNorm(nn.Module):
    """W / sigma(W), with sigma = u W v and u, v the running estimates of the first singular vectors.

    v is iterated before u (Miyato et al. 2018, algorithm 1); torch.nn.utils.parametrizations.spectral_norm iterates u
    first and so lags half an iteration behind. No gradient flows through u and v.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, transposed: bool, iterations: int) -> None:
        super().__init__()
        self.transposed, self.iterations = transposed, iterations
        matrix = self._matrix(weight.detach())
        self.register_buffer("u", F.normalize(matrix.new_empty(len(matrix)).normal_(), dim=0))
        self.register_buffer("v", F.normalize(matrix.t() @ self.u, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value."""
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach())
        return weight / torch.dot(self.u, matrix @ self.v)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        # new tensors rather than changed ones: an earlier pass of the same step may still need the old for its gradient
        for _ in range(self.iterations):
            self.v = F.normalize(matrix.t() @ self.u, dim=0, eps=1e-12)
            self.u = F.normalize(matrix @ self.v, dim=0, eps=1e-12)

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight as [outputs, all else]."""
        return (weight.transpose(0, 1) if self.transposed else weight).flatten(1)
