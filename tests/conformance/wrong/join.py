"""Joins that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gankit import BuildContext, Component, Join, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gankit.networks.layers import JoinModule


class Stacked(Join):
    """Puts the two side by side."""

    def build(self, context: BuildContext) -> nn.Module:
        """Twice the channels."""
        import torch

        return _module(context, lambda older, newer, alpha: torch.cat([older, newer], 1))


class Same(Join):
    """Leaves images as they are before they are joined."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that does not resample."""
        import torch

        module = _module(context, torch.lerp)
        module.by = lambda x: x
        return module


class Inverted(Join):
    """Has alpha the wrong way round."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that blends backwards."""
        import torch

        return _module(context, lambda older, newer, alpha: torch.lerp(newer, older, alpha))


class Cut(Join):
    """Lets the old learn nothing while the new comes in."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that detaches."""
        import torch

        return _module(context, lambda older, newer, alpha: torch.lerp(older.detach(), newer, alpha))


def _module(context: BuildContext, fade: Callable[[Tensor, Tensor, Tensor], Tensor]) -> JoinModule:
    """A module that joins by `fade`, with a weight of 1 once new layers have come in."""
    import torch

    from gankit.networks.layers import JoinModule

    class Module(JoinModule):
        def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
            return fade(older, newer, torch.ones(()).to(newer) if alpha is None else alpha)

    return Module(context)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("joins-into-one", Stacked)
    register("resamples-images", Same)
    register("older-counts-at-first", Inverted)
    register("gradients-reach-both", Cut)
