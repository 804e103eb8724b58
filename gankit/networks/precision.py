"""Mixed precision: which parts of a network compute in 16 bits, and what stays float32 within them.

Weights are float32. Where a network computes in bfloat16 or float16, torch's autocast casts what enters a convolution
or a product of matrices; what sums over many numbers or divides by what it finds is to be wide: a module of a plugin
says so by `widened` and `full_precision`, which change nothing where nothing is mixed, float64 included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

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
    if device.type == "meta":
        return _on_meta.get() is not None
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def mixing(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """A context in which convolutions and products of matrices on the device take `dtype`."""
    if device.type == "meta":
        return _mixing_on_meta(dtype)
    return torch.autocast(device.type, dtype, cache_enabled=False)


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """A context in which products of matrices on the device of `like` take the types that they are given."""
    if not is_mixed(like.device):
        return nullcontext()
    return _mixing_on_meta(None) if like.is_meta else torch.autocast(like.device.type, enabled=False)


def as_convolved(x: Tensor) -> Tensor:
    """`x` as autocast hands it to a convolution, where that is on: in its type, but for float64, which stays."""
    if not is_mixed(x.device) or x.dtype == torch.float64:
        return x
    return x.to(_on_meta.get() if x.is_meta else torch.get_autocast_dtype(x.device.type))


_on_meta: ContextVar[torch.dtype | None] = ContextVar("on_meta", default=None)
"""What is taken on the meta device, where costs are counted, and for which torch has no autocast."""
PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    {
        *(F.linear, F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
        *(torch.matmul, torch.mm, torch.bmm, torch.addmm, torch.baddbmm, torch.einsum, F.scaled_dot_product_attention),
        *(Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__, Tensor.mm, Tensor.bmm, Tensor.addmm, Tensor.baddbmm),
    }
)
"""What autocast casts for."""


@contextmanager
def _mixing_on_meta(dtype: torch.dtype | None) -> Iterator[None]:
    """Autocast for the meta device; None: types are taken as they are given."""
    token = _on_meta.set(dtype)
    try:
        with _CastForProducts():
            yield
    finally:
        _on_meta.reset(token)


class _CastForProducts(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func not in PRODUCTS:
            return func(*args, **kwargs)
        return func(*map(_cast, args), **{name: _cast(value) for name, value in kwargs.items()})


def _cast(value: Any) -> Any:
    return as_convolved(value) if isinstance(value, Tensor) and value.is_floating_point() else value
