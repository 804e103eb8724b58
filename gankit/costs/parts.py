"""The parts of an experiment that work is done for."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from gankit.core.component import Component
from gankit.core.registry import registries
from gankit.networks.protocols import BuiltBy


class WatchedPart(NamedTuple):
    """What work is done for; within another it is the inner one's."""

    kind: str
    """block, norm, loss, penalty, optimizer, average, augmentation, data, observer, ..."""
    name: str = ""
    """What it is called among those of its kind, mostly by the component's short name."""
    network: str = ""
    """generator or discriminator if it stands in one; else empty."""
    resolution: int = 0
    """Height of the maps that it works at, in pixels; 0 if it stands in no network."""

    @property
    def label(self) -> str:
        """It in words, such as "generator 8x8 block conv" or "penalty drift"."""
        size = f"{self.resolution}x{self.resolution}" if self.resolution else ""
        return " ".join(word for word in (self.network, size, self.kind, self.name) if word)


def short_name(component: Component) -> str:
    """What an experiment calls a component."""
    return registries[component.kind].entry_of(type(component)).name


def modules_with_parts(network: nn.Module) -> list[tuple[nn.Module, WatchedPart]]:
    """The modules of a network that a component has built, each with its part, and those that scale weights.

    What norms of weights do is the part of these; which of several it was nobody has noted.
    """
    found: dict[nn.Module, WatchedPart] = {}

    def visit(module: nn.Module, around: WatchedPart | None) -> None:
        part = around
        if isinstance(module, BuiltBy):
            place = module.built_for[-1]
            part = WatchedPart(module.built_by.kind, short_name(module.built_by), place.network, place.resolution)
            found[module] = part
        elif isinstance(module, ParametrizationList) and around is not None:
            found[module] = around._replace(kind="norm", name="of weights")
        for child in module.children():
            visit(child, part)

    visit(network, None)
    return list(found.items())
