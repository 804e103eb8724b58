"""The two normalizations of PGGAN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from gankit import BuildContext, Norm

if TYPE_CHECKING:
    from torch import nn


class Pixel(Norm):
    """Scales the feature vector of each pixel to a mean square of one (Karras et al. 2018, section 4.2)."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that keeps shapes and has no parameters."""
        from gankit_pggan.modules import PixelNorm

        return PixelNorm()


class Equalized(Norm):
    """Equalized learning rate (Karras et al. 2018, section 4.1).

    Weights start standard normal and are multiplied by gain / sqrt(fan-in) whenever they are used, so that Adam's
    steps have the same size relative to every layer's weights. Replaces the start that an init has drawn; weights with
    a gain of 0 start at zero and are multiplied as with a gain of 1.
    """

    redraws: ClassVar[bool] = True

    def apply(self, layer: nn.Module) -> None:
        """Redraw the layer's weight and scale it (and a bias with a learning-rate multiplier) from now on."""
        from torch import nn
        from torch.nn.utils import parametrize

        from gankit.networks.layers import fan_in
        from gankit.networks.protocols import gain_of, lr_multiplier_of
        from gankit_pggan.modules import Scale

        gain = gain_of(layer, default=math.sqrt(2))
        multiplier = lr_multiplier_of(layer)
        nn.init.normal_(layer.get_parameter("weight"), 0, 1 / multiplier if gain else 0)
        gain = gain or 1.0  # a layer that starts at zero has to leave it
        parametrize.register_parametrization(layer, "weight", Scale(gain * multiplier / math.sqrt(fan_in(layer))))
        if multiplier != 1 and getattr(layer, "bias", None) is not None:
            parametrize.register_parametrization(layer, "bias", Scale(multiplier))
