"""Mixed precision: which parts of a network compute in 16 bits, and what stays float32 within them.

Weights are float32. Where a network computes in bfloat16 or float16, torch's autocast casts what enters a convolution
or a product of matrices; what sums over many numbers or divides by what it finds is to be wide: a module of a plugin
says so by `widened` and `full_precision`, which change nothing where nothing is mixed, float64 included.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
"""Types of 16 bits."""


class MixedPrecision(NamedTuple):
    """How a network in training computes."""

    dtype: torch.dtype
    """What convolutions and products of matrices take: torch.float16 or torch.bfloat16."""
    resolutions: Collection[int]
    """Parts of these resolutions do; those of others stay float32."""


def widened(x: Tensor) -> Tensor:
    """`x` in float32 if it has 16 bits, else as it is: for statistics, and for sums of many numbers."""
    return x.float() if x.dtype in HALF else x


def is_mixed(device: torch.device) -> bool:
    """Whether autocast is on there, as it is in those parts of a network that compute in 16 bits."""
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """A context in which products of matrices on the device of `like` take the types that they are given."""
    return torch.autocast(like.device.type, enabled=False) if is_mixed(like.device) else nullcontext()


def as_convolved(x: Tensor) -> Tensor:
    """`x` as autocast hands it to a convolution, where that is on: in its type, but for float64, which stays."""
    if not is_mixed(x.device) or x.dtype == torch.float64:
        return x
    return x.to(torch.get_autocast_dtype(x.device.type))
