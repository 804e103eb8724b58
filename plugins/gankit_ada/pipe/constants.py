"""Tensors that are the same at each call, kept where they are used: a copy to a GPU would be waited for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache

import torch
from torch import Tensor


def constant(like: Tensor, make: Callable[..., Tensor], *arguments: Hashable) -> Tensor:
    """What `make` gives of the arguments, in the type of `like` and where that is."""
    return _kept(make, arguments, like.dtype, like.device)


def row(*values: float) -> Tensor:
    """Some numbers [n]."""
    return torch.tensor(values, dtype=torch.float64)


def steps(like: Tensor, count: int) -> Tensor:
    """The numbers from 0 to `count` - 1, in the type of `like` and where that is."""
    return torch.arange(count, dtype=like.dtype, device=like.device)


@lru_cache(256)
def _kept(
    make: Callable[..., Tensor], arguments: tuple[Hashable, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    return make(*arguments).to(device, dtype)
