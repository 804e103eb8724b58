"""A norm of weights by which layers keep the magnitude of what comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import Norm

if TYPE_CHECKING:
    from torch import nn


class MagnitudePreserving(Norm):
    """Weights whose rows, one for each output, have the length of the layer's gain (Karras et al. 2024, section 2.3).

    Outputs of uncorrelated inputs then have the magnitude of these times the gain, however long training goes on. A
    weight starts standard normal and is used as gain * weight / |row|; after each update its rows are brought back to a
    root mean square of one (forced weight normalization), so that an update changes directions by as much at the end as
    in the beginning and nothing but the learning rate says by how much. A layer of gain 0 starts at zero and is left
    alone. Biases are, too; the paper's networks have none.
    """

    redraws: ClassVar[bool] = True

    forced: bool = True
    """Bring rows back after each update; false: they grow, and so updates change less and less."""
    eps: float = Field(default=1e-4, gt=0)
    """Added to the root mean square of a row before weights are divided by it."""

    def apply(self, layer: nn.Module) -> None:
        """Redraw the layer's weight, and normalize its rows from now on."""
        from torch import nn
        from torch.nn.utils import parametrize

        from gankit.networks.protocols import gain_of
        from gankit_edm2.modules import FreeRows, NormalizedRows

        if gain := gain_of(layer):
            nn.init.normal_(layer.get_parameter("weight"))
            rows = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
            kind = NormalizedRows if self.forced else FreeRows
            parametrize.register_parametrization(layer, "weight", kind(gain, rows, self.eps))
