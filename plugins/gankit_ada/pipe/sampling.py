"""Bilinear sampling with gradients of any order, of which not every torch has more than the first."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import Function

from gankit_ada.pipe.constants import steps


def sampled(images: Tensor, maps: Tensor, width: int, height: int) -> Tensor:
    """Images [N, C, height, width] of [N, C, H', W'], which are 0 beyond their edges.

    `maps` [N, 2, 3] take positions in what is made to those in what is there; both go from -1 at one edge to 1 at the
    other. Differentiable with respect to the images alone.
    """
    x, y = (((2 * steps(maps, n) + 1) / n - 1) for n in (width, height))
    across, down, shift = maps[:, None, None].unbind(-1)
    grid = across * x[:, None] + (down * y[:, None, None] + shift)
    return _Sample.apply(images, grid)  # pyright: ignore[reportReturnType]


class _Sample(Function):
    """Linear in the images, so that its backward pass is the transposed map, and that of the latter this map again."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.size = images.shape
        return F.grid_sample(images, grid, align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return _Spread.apply(*gradients, *ctx.saved_tensors, ctx.size), None


class _Spread(Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        backward = torch.ops.aten.grid_sampler_2d_backward  # of which the images decide the size alone
        modes = (0, 0, False)  # bilinear, zeros beyond the edges, positions -1 and 1 at these
        return backward(samples, samples.new_zeros(()).expand(size), grid, *modes, (True, False))[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return _Sample.apply(*gradients, *ctx.saved_tensors), None, None
