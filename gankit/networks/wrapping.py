"""Feature maps whose opposite edges meet: beyond one edge a layer reads the pixels within the other.

So images of a generator join with themselves in a plane. No layer knows: it is given a map that is continued beyond its
edges, and what it makes of the continuation, zeros beyond that among it, is cut off again.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gankit.networks.protocols import reach_of


def wrap_edges(module: nn.Module) -> None:
    """Have opposite edges meet for each layer in a module that reads beyond edges, as `reach_of` says."""
    for layer in module.modules():
        if reach_of(layer):
            layer.register_forward_pre_hook(_continued)
            layer.register_forward_hook(_cut)


def _continued(layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a layer is given, [N, C, H, W] and more, with the map continued beyond its edges."""
    x, *rest = given
    margin, height, width = _margin(layer), *x.shape[2:]
    if margin <= min(height, width):
        return F.pad(x, (margin,) * 4, mode="circular"), *rest
    down, across = (-(-margin // side) for side in (height, width))  # how often a map this small comes on each side
    tiled = x.repeat(1, 1, 1 + 2 * down, 1 + 2 * across)
    top, left = down * height - margin, across * width - margin
    return tiled[:, :, top : top + height + 2 * margin, left : left + width + 2 * margin], *rest


def _cut(layer: nn.Module, given: tuple[Any, ...], output: Tensor) -> Tensor:
    """What it makes of the map itself, at whatever resolution."""
    high, wide = (
        round(_margin(layer) * after / before)
        for after, before in zip(output.shape[2:], given[0].shape[2:], strict=True)
    )
    return output[:, :, high : output.shape[2] - high, wide : output.shape[3] - wide]


def _margin(layer: nn.Module) -> int:
    """Pixels by which the map is continued: an even number, so that halving falls into place."""
    return reach_of(layer) + reach_of(layer) % 2
