"""Spectral normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Norm

if TYPE_CHECKING:
    from torch import nn


class Spectral(Norm):
    """Divides each weight by its largest singular value, estimated by power iteration (Miyato et al. 2018, section 2).

    The iteration goes on by `iterations` in every forward pass in training mode and stands still in evaluation. A
    layer that starts at zero (gain 0) has no singular value to divide by and is left alone.
    """

    iterations: int = Field(default=1, ge=1)
    """Power iterations a forward pass."""

    def apply(self, layer: nn.Module) -> None:
        """Divide the layer's weight by its largest singular value from now on."""
        from torch import nn
        from torch.nn.utils import parametrize

        from gankit_sngan.modules import SpectralNorm

        if getattr(layer, "gain", 1.0):
            weight = getattr(layer, "weight")  # noqa: B009  (as earlier norms leave it)
            norm = SpectralNorm(weight, isinstance(layer, nn.ConvTranspose2d), self.iterations)
            parametrize.register_parametrization(layer, "weight", norm)
