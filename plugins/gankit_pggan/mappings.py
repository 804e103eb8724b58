"""How PGGAN prepares its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, LatentMapping

if TYPE_CHECKING:
    from torch import nn


class Normalized(LatentMapping):
    """The latent, joined by the one-hot label or the attributes if there are such, scaled to a mean square of one."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, latent + classes]."""
        from gankit_pggan.modules import NormalizedLatent

        return NormalizedLatent(context.latent, context.classes, context.attributes)

    def reads_labels(self) -> bool:
        """A label joins the latent."""
        return True

    def reads_attributes(self) -> bool:
        """They join the latent."""
        return True
