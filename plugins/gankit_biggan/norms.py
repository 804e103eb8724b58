"""Batch normalization by a vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import BuildContext, Norm

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class DenseConditionalBatch(Norm):
    """Batch normalization whose scale and shift two linear layers without bias make of a style.

    (1 + A style) * BN(x) + B style (Brock et al. 2019, section 3.1 and appendix B). What the style is made of is the
    mapping's: latent, class or both. Norms of weights reach the layers. Consumes one style wherever a block asks for
    its norm; in the block that makes the image it is the same for all styles, as in the paper.
    """

    mixes_samples: ClassVar[bool] = True

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance; the paper has 1e-4, the authors' code for PyTorch 1e-5."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A discriminator has no styles."""
        own = experiment.discriminator
        if own is not None and any(norm is self for norms in own.norm.values() for norm in norms):
            yield "takes a style, and only a generator has styles"

    def build(self, context: BuildContext) -> nn.Module:
        """A batch norm of `context.out_channels` maps, conditioned on one style unless the image comes next."""
        from torch import nn

        from gankit_biggan.modules import DenseConditionalBatchNorm

        if context.outermost:
            return nn.BatchNorm2d(context.out_channels, eps=self.eps)
        return DenseConditionalBatchNorm(context.out_channels, context.width, self.eps)
