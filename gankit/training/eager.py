"""torch's optimizers without its compiler."""

from __future__ import annotations

from inspect import unwrap
from typing import Any, TypeVar, cast

import torch
from torch.optim import Optimizer

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)
TOLD = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
"""Methods that tell the compiler to keep away, as `step` does in a way of its own."""


def eager(optimizer: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """One of torch's optimizers that leaves out the compiler.

    torch has each of them tell the compiler to keep away, which imports it first: that takes about as long as importing
    torch. Nothing here compiles an optimizer, so what torch wraps in this is called as it stands. Hooks are called as
    ever; one that is pickled is torch's own when it is read again.
    """

    def as_torchs(self: AnyOptimizer) -> tuple[Any, ...]:
        return _empty, (optimizer,), self.__getstate__()

    own: dict[str, Any] = {name: unwrap(getattr(optimizer, name)) for name in TOLD}
    own |= {"step": torch.no_grad()(unwrap(optimizer.step)), "__reduce__": as_torchs}
    own["__module__"] = optimizer.__module__
    return cast(type[AnyOptimizer], type(optimizer.__name__, (optimizer,), own))


def _empty(optimizer: type[AnyOptimizer]) -> AnyOptimizer:
    """One whose state is yet to come."""
    return optimizer.__new__(optimizer)
