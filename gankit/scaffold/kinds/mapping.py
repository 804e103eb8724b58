from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, LatentMapping, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from torch import Tensor, nn


class ExampleMapping(LatentMapping):
    """One linear layer from the latent to a style, the same for every part that asks; labels are left to others."""

    width: int = Field(default=64, ge=1, le=4096)
    """Length of a style."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] to styles [N, styles, width]."""
        from gankit.networks.layers import dense
        from torch import nn

        class Linear(nn.Module):
            def __init__(self, latent: int, width: int) -> None:
                super().__init__()
                self.width, self.dense = width, dense(latent, width, gain=1.0)

            def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
                return self.dense(z)[:, None].expand(-1, styles, -1)

        return Linear(context.latent, self.width)


@hookimpl
def gankit_register(register):
    register("example", ExampleMapping)
