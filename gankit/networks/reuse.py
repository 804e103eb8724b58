"""Weights that are made of others, such as scaled ones, formed once for all calls that are derived together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

Formed = dict[tuple[int, bool], Tensor]
"""What has been formed of the weights of which modules, with derivatives or without."""

_formed: ContextVar[Formed | None] = ContextVar("formed", default=None)
_kept_apart: ContextVar[bool] = ContextVar("kept_apart", default=False)


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


def formed_weights() -> Formed | None:
    """What lasts here, and whatever of it is yet to be formed; None outside of `weights_reused`."""
    return _formed.get()


@contextmanager
def weights_formed_in(formed: Formed | None) -> Iterator[None]:
    """Let `reused` take what was formed elsewhere, in a block whose activations are made again in the backward pass.

    The pass that makes them again, maybe in a thread of its own, so takes the very weights of the first, and
    gradients of these are summed as if activations were kept. What forms a weight, which the first pass alone
    does, is hidden from the hooks that count what each of both remembers.
    """
    of_formed, of_apart = _formed.set(formed), _kept_apart.set(True)
    try:
        yield
    finally:
        _kept_apart.reset(of_apart)
        _formed.reset(of_formed)


def reused(form: Callable[[Tensor], Tensor], of: nn.Module, weight: Tensor) -> Tensor:
    """What `form` makes of a module's weight, which it must do in the same way each time; formed once if it lasts."""
    formed = _formed.get()
    if formed is None or torch.compiler.is_compiling():
        return form(weight)
    key = id(of), torch.is_grad_enabled() and weight.requires_grad
    if key not in formed:
        with saved_tensors_hooks(_as_it_is, _as_it_is) if _kept_apart.get() else nullcontext():
            formed[key] = form(weight)
    return formed[key]


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor
