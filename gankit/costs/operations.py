"""What torch is asked for in an iteration: each operation with what it is given, and how much memory is held."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gankit.costs.parts import WatchedPart
from gankit.training.flops import decomposed, flops

Purpose = Literal["forward", "backward", "penalties"]


class TensorLike(NamedTuple):
    """All of a tensor that decides how long work on it takes."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    on_host: bool
    """Whether it lies on the CPU, whatever the networks are on."""

    @property
    def size(self) -> int:
        """Bytes from its first element to its last."""
        if 0 in self.shape:
            return 0
        last = sum((length - 1) * step for length, step in zip(self.shape, self.stride, strict=True))
        return (last + 1) * self.dtype.itemsize


class Operation(NamedTuple):
    """One operation as it was asked for, which takes as long whenever it is asked for again."""

    function: Any
    """Of torch, such as torch.ops.aten.mul.Tensor."""
    args: tuple[Any, ...]
    """What it was given in order, `TensorLike` for tensors and tuples for lists."""
    kwargs: tuple[tuple[str, Any], ...]
    """What it was given by name."""


class Load(NamedTuple):
    """How much one operation has to do."""

    flops: int
    """Floating point operations of convolutions and products of matrices."""
    moved: int
    """Bytes that are read and written."""


UNKNOWN, FIRST = "unknown", "first"
"""What an operation gives that has to be carried out to be known, and one that gives what it was given first."""


class Known(NamedTuple):
    """What is known of an operation that was asked for before."""

    load: Load
    """What it has to do."""
    gives: Any
    """`TensorLike` for what it gives, tuples for lists, or one of the above."""


class OperationRecorder(TorchDispatchMode):
    """Notes all operations while it is entered, on the meta device, where nothing is computed.

    It is a watcher of an experiment's parts, too, by which it knows what is done for penalties: all that is done within
    their calls, and what is derived of it later.
    """

    def __init__(self, known: dict[Operation, Known] | None = None) -> None:
        """Note nothing yet.

        Args:
            known: What other recorders have found out of operations, which spares torch's working it out again.
        """
        super().__init__()
        self._known = {} if known is None else known
        self.loads: dict[Operation, Load] = {}
        self.counts = Counter[Operation]()
        self.flops = Counter[Purpose]()
        self.calls = 0
        """Operations, views included, which take next to no time but that of asking for them."""
        self._held: dict[int, int] = {}
        self._changes: list[tuple[int, int]] = []
        self._parts: list[WatchedPart] = []
        self._of_penalties: list[tuple[int, int]] = []
        self._penalty_since: int | None = None

    def enter(self, part: WatchedPart) -> None:
        """What follows is done for `part`."""
        if part.kind == "penalty" and self._penalty_since is None:
            self._penalty_since = _node_number()
        self._parts.append(part)

    def leave(self) -> None:
        """Back to the part around."""
        self._parts.pop()
        if self._penalty_since is not None and all(part.kind != "penalty" for part in self._parts):
            self._of_penalties.append((self._penalty_since, _node_number()))
            self._penalty_since = None

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if (parts := decomposed(self, func, args, kwargs)) is not NotImplemented:
            return parts
        self.calls += 1
        if _is_view(func):
            return func(*args, **kwargs)
        named = tuple((name, _described(value)) for name, value in sorted(kwargs.items()))
        operation = Operation(func, tuple(map(_described, args)), named)
        known = self._known.get(operation)
        if known is None or known.gives is UNKNOWN:
            result = func(*args, **kwargs)
            if known is None:
                known = self._known[operation] = Known(_load(func, args, kwargs, result), _given(func, args, result))
        else:
            result = args[0] if known.gives is FIRST else _made(known.gives)
        for tensor in _tensors(result):
            if tensor.is_meta:
                self._hold(tensor.untyped_storage())
        self.counts[operation] += 1
        self.loads[operation] = known.load
        if known.load.flops:
            self.flops[self._purpose()] += known.load.flops
        return result

    def _purpose(self) -> Purpose:
        if self._penalty_since is not None:
            return "penalties"
        if torch._C._current_graph_task_id() == -1:
            return "forward"
        node = torch._C._current_autograd_node()
        number = node._sequence_nr() if node is not None else -1
        return "penalties" if any(since <= number < to for since, to in self._of_penalties) else "backward"

    def _hold(self, storage: Any) -> None:
        place = storage._cdata
        if place not in self._held:
            self._held[place] = number = len(self._changes)
            self._changes.append((number, storage.nbytes()))
            weakref.finalize(storage, self._let_go, place)

    def _let_go(self, place: int) -> None:
        number = self._held.pop(place)
        self._changes.append((number, -self._changes[number][1]))

    @property
    def peak(self) -> int:
        """Bytes that were held at once, at most, of what is held no longer: activations, and what else passes."""
        kept = set(self._held.values())
        return max(accumulate(size for number, size in self._changes if number not in kept), default=0)


def _node_number() -> int:
    """The number of the next node that this thread adds to a graph of gradients."""
    return torch._C._autograd._get_sequence_nr()  # pyright: ignore[reportAttributeAccessIssue]


@cache
def _is_view(func: Any) -> bool:
    """Whether an operation gives its input in another form, and computes nothing."""
    aliases = [returned.alias_info for returned in func._schema.returns]
    return bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)


def _load(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> Load:
    involved = [*_tensors(args), *_tensors(list(kwargs.values())), *_tensors(result)]
    moved = sum(tensor.numel() * tensor.element_size() for tensor in involved)
    return Load(flops(func, args, kwargs, result), moved)


def _given(func: Any, args: Sequence[Any], result: Any) -> Any:
    """What an operation gives whenever it is given the like, if it is all new or the first of what it is given."""
    if func._schema.is_mutable:
        return FIRST if isinstance(result, Tensor) and result.is_meta and result is args[0] else UNKNOWN
    tensors = list(_tensors(result))
    is_plain = all(tensor.is_meta and type(tensor) is Tensor for tensor in tensors)
    counted = [result] if isinstance(result, Tensor) else result if isinstance(result, list | tuple) else []
    return _described(result) if tensors and is_plain and len(counted) == len(tensors) else UNKNOWN


def _made(value: Any) -> Any:
    """Empty tensors of that description."""
    if isinstance(value, TensorLike):
        return torch.empty_strided(value.shape, value.stride, dtype=value.dtype, device="meta")
    return tuple(map(_made, value))


def _described(value: Any) -> Any:
    if isinstance(value, Tensor):
        return TensorLike(tuple(value.shape), tuple(value.stride()), value.dtype, value.device.type == "cpu")
    if isinstance(value, list | tuple):
        return tuple(map(_described, value))
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in what an operation takes or gives."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
