from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext, Join, hookimpl

if TYPE_CHECKING:
    from torch import nn


class ExampleJoin(Join):
    """Blends the new with the old slowly at first."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that blends two images, or two feature maps, by the square of the new one's weight."""
        import torch
        from gankit.networks.layers import JoinModule
        from torch import Tensor

        class Slow(JoinModule):
            def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
                return newer if alpha is None else torch.lerp(older, newer, alpha.square())

        return Slow(context)


@hookimpl
def gankit_register(register):
    register("example", ExampleJoin)
