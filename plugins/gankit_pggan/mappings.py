"""How PGGAN prepares its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Mapping, Place

if TYPE_CHECKING:
    from torch import nn


class Normalized(Mapping):
    """The one-hot label, if there is one, joined to the latent, and both scaled to a mean square of one."""

    def build(self, place: Place) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, latent + classes]."""
        from gankit_pggan.modules import NormalizedLatent

        return NormalizedLatent(place.latent, place.classes)

    def reads_labels(self) -> bool:
        """True."""
        return True
