"""Floating point operations: how many an iteration has, and how many a second this machine can do."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
PEAKS = ((128, 32), (256, 16), (64, 64))
"""Channels and pixels of the 3x3 convolutions of which the fastest counts as the peak; the batch is 16."""


class Counter(TorchDispatchMode):
    """Counts those of convolutions and products of matrices, in all derivatives.

    Torch's own FlopCounterMode fails on gradients with respect to leaves, and takes the gradient of a weight in groups
    for that of a whole one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one operation, and do it."""
        out = func(*args, **(kwargs or {}))
        self.total += operations_of(func, args, kwargs or {}, out)
        return out


def operations_of(func: Any, args: Any, kwargs: Any, out: Any) -> int:
    """Floating point operations of one call: of convolutions and products of matrices, 0 of others."""
    if func.overloadpacket is aten.convolution:
        return _convolution(args[0], args[1], out, transposed=args[6])
    if func.overloadpacket is aten.convolution_backward:
        asked = args[10][:2]  # the gradient for the bias takes next to nothing
        return _convolution(args[1], args[2], args[0], transposed=args[7]) * sum(asked)
    count = flop_registry.get(func.overloadpacket)
    return 0 if count is None else int(count(*args, **kwargs, out_val=out))


def _convolution(inputs: Tensor, weight: Tensor, outputs: Tensor, transposed: bool) -> int:
    """Of one pass: each weight meets each pixel of what a stride does not make smaller."""
    pixels = (inputs if transposed else outputs).shape
    return 2 * weight.numel() * pixels[0] * math.prod(pixels[2:])


def flops(work: Callable[[], object]) -> int:
    """Floating point operations, a multiplication and an addition being two."""
    with Counter() as counter:
        work()
    return counter.total


@torch.no_grad()
def convolution_peak(seconds: float) -> float:
    """The most floating point operations a second that convolutions in float32 and channels-last do here.

    Args:
        seconds: How long to measure.
    """
    return max(_rate(channels, pixels, seconds / len(PEAKS)) for channels, pixels in PEAKS)


def _rate(channels: int, pixels: int, seconds: float) -> float:
    images = torch.randn(16, channels, pixels, pixels).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    F.conv2d(images, weight, padding=1)
    taken: list[float] = []
    while sum(taken) < seconds or len(taken) < 3:
        since = time.process_time()
        F.conv2d(images, weight, padding=1)
        taken.append(time.process_time() - since)
    return 2 * 9 * channels**2 * 16 * pixels**2 / statistics.median(taken)
