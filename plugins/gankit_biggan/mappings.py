"""Latents in chunks, each beside the vector that all parts share for a class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import BuildContext, LatentMapping, UserError

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class Hierarchical(LatentMapping):
    """The latent in chunks, one for the stem and one for each block, each joined by one vector for the class.

    Brock et al. 2019, section 3.1 (shared embedding, skip-z) and figure 15. The first style has the first chunk, those
    that follow have the next ones in turn, `styles_a_block` of them each; styles beyond have the last. So blocks of a
    resolution that grows in later have chunks that nothing has read before. With a single chunk every style has the
    whole latent, as in BigGAN-deep.

    The vectors for classes start as orthogonal columns, or rows if there are fewer of those; norms of weights leave
    them alone, as the authors' code does. Truncation draws numbers of the latent anew until none is beyond it (section
    3.1, "truncation trick").
    """

    chunks: int = Field(default=1, ge=1)
    """Parts of equal length that the latent is split into: one more than there are blocks that normalize."""
    styles_a_block: int = Field(default=2, ge=1)
    """How many styles a block asks for, one for each of its norms: two of a residual block."""
    embedding: int = Field(default=128, ge=1, le=1_000_000)
    """Length of the vector for a class; there is none without classes."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Chunks have one length."""
        if (misfit := self._misfit(experiment.generator.latent)) is not None:
            yield misfit

    def _misfit(self, latent: int) -> str | None:
        """Why it cannot split latents of a length; None: it can."""
        if latent % self.chunks == 0:
            return None
        below = latent - latent % self.chunks
        others = " or ".join(map(str, [*([below] if below else []), below + self.chunks]))
        return f"splits no latent of {latent} into {self.chunks} equal chunks; set generator.latent to {others}"

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, latent / chunks + embedding].

        Raises:
            UserError: if the latent does not split.
        """
        from gankit_biggan.modules import HierarchicalLatent

        if (misfit := self._misfit(context.latent)) is not None:
            raise UserError(f"generator.mapping: {misfit}")
        return HierarchicalLatent(context.latent, context.classes, self.chunks, self.styles_a_block, self.embedding)

    def reads_labels(self) -> bool:
        """A vector for the label joins each chunk."""
        return True
