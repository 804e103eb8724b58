"""Joins that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gankit import BuildContext, Component, Join, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn


class Stacked(Join):
    """Puts the two side by side."""

    def build(self, context: BuildContext) -> nn.Module:
        """Twice the channels."""
        import torch

        from gankit.networks.layers import JoinModule

        class Module(JoinModule):
            def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
                return torch.cat([older, newer], 1)

        return Module(context)


class Same(Join):
    """Leaves images as they are before they are joined."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that does not resample."""
        import torch

        from gankit.networks.layers import JoinModule

        class Module(JoinModule):
            def resample(self, images: Tensor) -> Tensor:
                return images

            def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
                return newer if alpha is None else torch.lerp(older, newer, alpha)

        return Module(context)


class Inverted(Join):
    """Has alpha the wrong way round."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that blends backwards."""
        import torch

        from gankit.networks.layers import JoinModule

        class Module(JoinModule):
            def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
                return newer if alpha is None else torch.lerp(newer, older, alpha)

        return Module(context)


class Cut(Join):
    """Lets the old learn nothing while the new comes in."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that detaches."""
        import torch

        from gankit.networks.layers import JoinModule

        class Module(JoinModule):
            def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
                return newer if alpha is None else torch.lerp(older.detach(), newer, alpha)

        return Module(context)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("joins-into-one", Stacked)
    register("resamples-images", Same)
    register("older-counts-at-first", Inverted)
    register("gradients-reach-both", Cut)
