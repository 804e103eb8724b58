"""The noise that layers draw, as tensors that may be optimized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

NORMAL: frozenset[Callable[..., Any]] = frozenset({torch.randn, torch.randn_like, torch.normal, torch.Tensor.normal_})
"""Draws that a layer may make its noise by."""
SMALLEST = 8
"""Pixels of the sides of the smallest map that is looked at for patterns."""


class NoiseMaps(TorchFunctionMode):
    """Within it each map [N, channels, H, W] that is drawn from a normal distribution is one of `maps`, in their order.

    The first time it is entered maps are drawn and kept; each time the order begins anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maps: list[Tensor] = []
        """Those that were drawn, [N, channels, H, W]."""
        self._next, self._known = 0, False

    def __enter__(self) -> NoiseMaps:
        """Begin with the first."""
        self._next = 0
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        """From now on the maps are known."""
        self._known = True
        super().__exit__(*raised)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """The map that is next, or whatever was asked for if that is none."""
        drawn = func(*args, **(kwargs or {}))
        if func not in NORMAL or not isinstance(drawn, Tensor) or drawn.dim() != 4:
            return drawn
        if not self._known:
            self.maps.append(drawn.detach().clone())
            return drawn
        kept = self.maps[self._next].to(drawn.dtype)
        self._next += 1
        return drawn.copy_(kept) if func is torch.Tensor.normal_ else kept


def pattern_loss(maps: Sequence[Tensor]) -> Tensor:
    """How far maps are from noise: squared products of neighbours at several scales (Karras et al. 2020, appendix D).

    sum over maps and scales of mean(n(x, y) n(x - 1, y))^2 + mean(n(x, y) n(x, y - 1))^2, where each scale comes from
    the one before by means of 2x2 pixels times 2, which keeps the variance, down to SMALLEST pixels.
    """
    total = torch.zeros(())
    for noise in maps:
        scale = noise
        while True:
            for axis in (2, 3):
                total = total.to(scale.device) + (scale * scale.roll(1, axis)).mean().square()
            if min(scale.shape[2:]) <= SMALLEST:
                break
            scale = 2 * F.avg_pool2d(scale, 2)
    return total


def normalize(maps: Sequence[Tensor]) -> None:
    """Give each map a mean of 0 and a variance of 1 again, in place; a single pixel stays."""
    with torch.no_grad():
        for noise in maps:
            if noise[0].numel() > 1:
                noise -= noise.mean()
                noise *= noise.square().mean().clamp_min(1e-12).rsqrt()
