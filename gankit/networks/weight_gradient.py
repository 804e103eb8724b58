"""The gradient of a convolution's weight as products of matrices, where that is faster than the library's own."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

PIXELS = 512
"""How many pixels are multiplied at once: enough for the product's speed, and few enough to stay in a core's cache."""
FEWEST_PIXELS, FEWEST_CHANNELS = 256, 32
"""With fewer the library is as fast."""
PAYS_HERE = torch.backends.cpu.get_cpu_capability() == "AVX2"
"""Whether the library has no fast way on this CPU: with AVX2 it has half of the speed of the other two convolutions."""


class Way(NamedTuple):
    """How a convolution goes over its maps, as `torch.convolution` and its derivatives take it."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int


def by_products(x: Tensor, dy: Tensor, weight: Tensor, way: Way) -> bool:
    """Whether `weight_gradient` is to be taken in place of the library's."""
    return (
        PAYS_HERE
        and x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and weight.shape[2] > 1
        and min(x.shape[2] * x.shape[3], dy.shape[2] * dy.shape[3]) >= FEWEST_PIXELS
        and min(weight.shape[:2]) >= FEWEST_CHANNELS
        and is_possible(x, dy, weight, way)
    )


def is_possible(x: Tensor, dy: Tensor, weight: Tensor, way: Way) -> bool:
    """Whether it can be: for maps whose channels lie side by side in memory, and kernels without holes."""
    laid_out = all(each.is_contiguous(memory_format=torch.channels_last) for each in (x, dy))
    return laid_out and way.groups == 1 and way.dilation == (1, 1) and way.output_padding == (0, 0)


def weight_gradient(x: Tensor, dy: Tensor, weight: Tensor, way: Way) -> Tensor:
    """The gradient of a weight [O, I, k, k'] for maps [N, I, H, W] and the gradient [N, O, H', W'] of what comes out.

    Each pixel's surroundings are laid out as the row of a matrix, some rows of an image at a time. For a transposed
    convolution, whose weight is [I, O, k, k'], the two maps change places.
    """
    if way.transposed:
        x, dy = dy, x
    rows, columns = weight.shape[2:]
    (down, right), (high, wide) = way.stride, way.padding
    gradient = x.new_zeros(rows * columns * x.shape[1], dy.shape[1])
    for image, after in zip(x.permute(0, 2, 3, 1), dy.permute(0, 2, 3, 1), strict=True):
        padded = F.pad(image, (0, 0, wide, wide, high, high))
        line, pixel, _ = padded.stride()
        height, width, outputs = after.shape
        together = max(1, PIXELS // width)
        for top in range(0, height, together):
            part = after[top : top + together].reshape(-1, outputs)
            shape = len(part) // width, width, rows, columns * x.shape[1]
            start = padded.storage_offset() + top * down * line
            around = padded.as_strided(shape, (down * line, right * pixel, line, 1), start)
            torch.addmm(gradient, around.reshape(-1, len(gradient)).t(), part, out=gradient)
    return gradient.view(rows, columns, *weight.shape[1::-1]).permute(3, 2, 0, 1)
