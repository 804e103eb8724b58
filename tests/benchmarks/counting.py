"""Floating point operations: how many an iteration has, and how many a second this machine can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from gankit.training.flops import FlopCounter

PEAKS = ((128, 32), (256, 16), (64, 64))
"""Channels and pixels of the 3x3 convolutions of which the fastest counts as the peak; the batch is 16."""


def flops(work: Callable[[], object]) -> int:
    """Floating point operations, a multiplication and an addition being two."""
    with FlopCounter() as counter:
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
