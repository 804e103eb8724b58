"""How PGGAN prepares its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, LatentMapping

if TYPE_CHECKING:
    from torch import nn


class Normalized(LatentMapping):
    """The one-hot label, if there is one, joined to the latent, and both scaled to a mean square of one."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, latent + classes]."""
        from gankit_pggan.modules import NormalizedLatent

        return NormalizedLatent(context.latent, context.classes)

    def reads_labels(self) -> bool:
        """A label joins the latent."""
        return True
