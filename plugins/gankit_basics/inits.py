"""How weights start."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import Init
from gankit.networks.protocols import gain_of

if TYPE_CHECKING:
    from torch import nn


class Normal(Init):
    """Normal around zero (Radford et al. 2016, section 4); layers of gain 0 stay at zero."""

    std: float = Field(default=0.02, gt=0)
    """Standard deviation."""

    def apply(self, layer: nn.Module) -> None:
        """Draw the weight."""
        from torch import nn

        if gain_of(layer):
            nn.init.normal_(layer.get_parameter("weight"), 0, self.std)


class Glorot(Init):
    """Uniform with variance 2 / (fan-in + fan-out), times the layer's gain (Glorot and Bengio 2010, equation 16)."""

    def apply(self, layer: nn.Module) -> None:
        """Draw the weight."""
        from torch import nn

        nn.init.xavier_uniform_(layer.get_parameter("weight"), gain_of(layer))


class Orthogonal(Init):
    """A random orthogonal matrix times the layer's gain (Saxe et al. 2014)."""

    later_options: ClassVar[tuple[str, ...]] = ("gains",)

    gains: bool = True
    """false: not times the gain, unless that is 0, as BigGAN's weights start."""

    def apply(self, layer: nn.Module) -> None:
        """Draw the weight."""
        from torch import nn

        gain = gain_of(layer)
        nn.init.orthogonal_(layer.get_parameter("weight"), gain if self.gains else float(gain != 0))
