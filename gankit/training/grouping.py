"""The parameters of a network as its optimizer takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.nn import Parameter

from gankit.training.networks import Growing


def grouped(network: Growing, trained: Iterable[Parameter]) -> list[dict[str, Any]]:
    """The trained parameters of a network by the resolution that they fade in at; 0 for those that never do."""
    new_at = {
        id(each): resolution for resolution in network.stage_resolutions for each in network.new_parameters(resolution)
    }
    groups: dict[int, list[Parameter]] = {resolution: [] for resolution in [*network.stage_resolutions, 0]}
    for parameter in trained:
        groups[new_at.get(id(parameter), 0)].append(parameter)
    return [{"params": parameters, "new_at": resolution} for resolution, parameters in groups.items() if parameters]
