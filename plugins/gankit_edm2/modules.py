"""Torch modules of EDM2."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gankit.networks.precision import full_precision
from gankit.networks.reuse import reused


class FreeRows(nn.Module):
    """A weight with each row over its length and times a gain, as a parametrization."""

    def __init__(self, gain: float, rows: int, eps: float) -> None:
        """Normalize.

        Args:
            gain: Length of each row.
            rows: The dimension of which each number is an output.
            eps: Added to the root mean square of a row.
        """
        super().__init__()
        self.gain, self.rows, self.eps = gain, rows, eps

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as it is used."""
        return reused(self._used, self, weight)

    def _used(self, weight: Tensor) -> Tensor:
        with full_precision(weight):
            return self._even(weight) * (self.gain / math.sqrt(weight.numel() / weight.shape[self.rows]))

    def _even(self, weight: Tensor) -> Tensor:
        """The weight with a root mean square of one in each row (algorithm 1, `normalize`)."""
        others = [each for each in range(weight.dim()) if each != self.rows]
        size = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
        return weight / (self.eps + size * math.sqrt(size.numel() / weight.numel()))


class NormalizedRows(FreeRows):
    """As `FreeRows`, of a weight whose rows are brought back after each update (appendix B.4)."""

    def held(self, weight: Tensor) -> Tensor:
        """The weight after an update, with a root mean square of one in each row."""
        return self._even(weight)
