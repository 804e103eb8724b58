"""Weights that are made of others, such as scaled ones, formed once for all calls that are derived together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_formed: ContextVar[dict[tuple[int, bool], Tensor] | None] = ContextVar("formed", default=None)


@contextmanager
def weights_reused() -> Iterator[None]:
    """Let what `reused` forms last as long as the block.

    It may hold calls of networks and one pass of derivatives, but no change of weights.
    """
    token = _formed.set({})
    try:
        yield
    finally:
        _formed.reset(token)


@contextmanager
def weights_formed_anew() -> Iterator[None]:
    """Undo `weights_reused` within the block, where calls must not depend on those before."""
    token = _formed.set(None)
    try:
        yield
    finally:
        _formed.reset(token)


def reused(form: Callable[[Tensor], Tensor], of: nn.Module, weight: Tensor) -> Tensor:
    """What `form` makes of a module's weight, which it must do in the same way each time; formed once if it lasts."""
    formed = _formed.get()
    if formed is None or torch.compiler.is_compiling():
        return form(weight)
    key = id(of), torch.is_grad_enabled() and weight.requires_grad
    if key not in formed:
        formed[key] = form(weight)
    return formed[key]
