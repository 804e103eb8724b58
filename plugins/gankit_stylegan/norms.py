"""The norm that applies styles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from gankit import BuildContext, Norm

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class AdaptiveInstance(Norm):
    """AdaIN: normalizes each map of each sample, then scales and shifts it as the style says (equation 1).

    Consumes one style wherever a block asks for its norm, in any block of a generator.
    """

    later_options: ClassVar[tuple[str, ...]] = ("normalize",)

    normalize: bool = True
    """false: scale and shift the maps as they are."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A discriminator has no styles."""
        tables = [network.norm for network in experiment.discriminators()]
        if any(norm is self for table in tables for norms in table.values() for norm in norms):
            yield "takes a style, and only a generator has styles"

    def build(self, context: BuildContext) -> nn.Module:
        """A module that keeps shapes, conditioned on one style of `context.width`."""
        from gankit_stylegan.modules import AdaIN

        return AdaIN(context.out_channels, context.width, self.normalize)
