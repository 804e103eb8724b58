from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Init, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from torch import nn


class ExampleInit(Init):
    """Uniform around zero, with the square of the layer's gain over its fan-in as variance (LeCun et al. 1998)."""

    scale: float = Field(default=1.0, gt=0, le=10)
    """Factor on every weight."""

    def apply(self, layer: nn.Module) -> None:
        """Draw the weight; layers of gain 0 start at zero."""
        from gankit.networks.layers import fan_in
        from gankit.networks.protocols import gain_of
        from torch import nn

        bound = self.scale * gain_of(layer) * (3 / fan_in(layer)) ** 0.5
        nn.init.uniform_(layer.get_parameter("weight"), -bound, bound)


@hookimpl
def gankit_register(register):
    register("example", ExampleInit)
