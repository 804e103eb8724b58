"""The norm that applies styles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit import Norm, Place

if TYPE_CHECKING:
    from torch import nn

    from gankit.config import Experiment


class AdaptiveInstance(Norm):
    """AdaIN: normalizes each map of each sample, then scales and shifts it as the style says (equation 1).

    Consumes one style wherever a block asks for its norm, in any block of a generator.
    """

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A discriminator has no styles."""
        if any(norm is self for norms in experiment.discriminator.norm.values() for norm in norms):
            yield "takes a style, and only a generator has styles"

    def build(self, place: Place) -> nn.Module:
        """A module that keeps shapes, conditioned on one style of `place.width`."""
        from gankit_stylegan.modules import AdaIN

        return AdaIN(place.out_channels, place.width)
