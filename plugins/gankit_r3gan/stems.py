"""How R3GAN's generator begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Stem

if TYPE_CHECKING:
    from torch import nn


class R3ganStem(Stem):
    """A learned feature map, of which each channel is weighed by a linear layer of the latent (Huang et al. 2024)."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels] to [N, out_channels, *context.size]."""
        from gankit_r3gan.modules import Basis

        return Basis(context.in_channels, context.out_channels, context.size)
