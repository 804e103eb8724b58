"""Counts the floating point operations that torch is asked for, whoever asks: networks, penalties, autograd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution, aten._convolution, aten.convolution_overrideable)


class FlopCounter(TorchDispatchMode):
    """Counts operations while it is entered, of forward and backward passes of any order, on any device.

    with FlopCounter() as counter:
        trainer.iteration()
    counter.total

    A product and its sum are two operations, and only those of convolutions, matrix products and attention are counted:
    what is done elementwise is none here, as is usual. Products with padding's zeros are counted. On the meta device
    nothing is computed, and the count is the same. It takes some 20 us an operation of torch.

    Torch's own `FlopCounterMode` counts convolutions in groups as if all outputs saw all inputs in the gradient of a
    weight, and fails where `torch.autograd.grad` is taken with respect to a leaf.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_operation = Counter[str]()
        """Floating point operations by what was asked for, such as aten.convolution_backward."""

    @property
    def total(self) -> int:
        """All floating point operations."""
        return self.by_operation.total()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (parts := decomposed(self, func, args, kwargs)) is not NotImplemented:
            return parts
        result = func(*args, **kwargs)
        if count := flops(func, args, kwargs, result):
            self.by_operation[str(func.overloadpacket)] += count
        return result


def decomposed(mode: TorchDispatchMode, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation gives that torch makes of others, which `mode` then sees; else NotImplemented.

    Torch hands such to modes as they are in inference mode, as nobody is to derive them there.
    """
    if func.overloadpacket in flop_registry or not torch.is_inference_mode_enabled():
        return NotImplemented
    with mode:
        return func.decompose(*args, **kwargs)


def flops(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> int:
    """Floating point operations of one call of an operation of torch, as modes of `torch.utils` see it; 0 if unknown.

    Args:
        func: The operation, such as torch.ops.aten.convolution.default.
        args: What it was given in order.
        kwargs: What it was given by name.
        result: What it gave.
    """
    packet = func.overloadpacket
    if packet in CONVOLUTIONS:
        x, weight, transposed = args[0], args[1], args[6]
        return _products(x if transposed else result, weight)
    if packet is aten.convolution_backward:
        dy, x, weight, transposed, asked = args[0], args[1], args[2], args[7], args[10]
        return (bool(asked[0]) + bool(asked[1])) * _products(x if transposed else dy, weight)
    formula = flop_registry.get(packet)
    return 0 if formula is None else int(formula(*args, **kwargs, out_val=result))


def _products(maps: Tensor, weight: Tensor) -> int:
    """Of a convolution, or a derivative of it: each weight meets each pixel of the smaller maps, in groups too."""
    return 2 * maps.shape[0] * prod(maps.shape[2:]) * weight.numel()
