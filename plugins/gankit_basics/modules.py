"""Torch modules of the basics."""

from __future__ import annotations

from torch import Tensor, nn


class Identity(nn.Module):
    """The latent as every style."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.width = latent

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, latent] of z [N, latent]."""
        return z[:, None].expand(-1, styles, -1)
