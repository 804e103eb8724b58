"""How R3GAN's generator learns of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gankit import BuildContext, LatentMapping

if TYPE_CHECKING:
    from torch import nn


class LabelEmbedding(LatentMapping):
    """The latent, joined by a learned vector for the label, if there is one (Huang et al. 2024).

    The vector of attributes is a linear map of them.
    """

    embedding: int = Field(default=64, ge=1, le=1_000_000)
    """Length of the vector for a class; it starts as latents are drawn."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, latent + embedding]."""
        from gankit_r3gan.modules import LabelledLatent

        return LabelledLatent(context, self.embedding)

    def reads_labels(self) -> bool:
        """A vector for the label joins the latent."""
        return True

    def reads_attributes(self) -> bool:
        """A vector for them joins the latent."""
        return True
