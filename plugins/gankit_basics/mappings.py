"""From latents to styles without a network between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, LatentMapping

if TYPE_CHECKING:
    from torch import nn


class Identity(LatentMapping):
    """The latent itself as every style; labels are left to those parts that ask for them."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] to styles [N, styles, latent]."""
        from gankit_basics.modules import Identity

        return Identity(context.latent)
