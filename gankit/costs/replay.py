"""Operations as an iteration asks for them, carried out alone to see how long each takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gankit.costs.machine import Machine, Took
from gankit.costs.operations import Load, Operation, TensorLike

ENOUGH_FLOPS = 4e9
"""An operation of more is done for fewer images, for as many as have that much work."""
ENOUGH_BYTES = 1e8
"""An operation that moves more bytes is done for fewer images, for as many as move that much: more than caches hold."""
SHORT = 0.02
"""Seconds below which an operation is repeated."""
REPEATS = 3

aten = torch.ops.aten
MAPS = {aten.convolution: (0,), aten.convolution_backward: (0, 1)}
"""Where among the arguments of a convolution its maps stand."""
GROUPS = {aten.convolution: (1, 8), aten.convolution_backward: (2, 9)}
"""Where the weight and the number of groups."""


class Shrunk(NamedTuple):
    """An operation for fewer images."""

    operation: Operation
    times: float
    """How much less it has to do."""


class Replay:
    """Carries out single operations on a machine, each once, and remembers how long they took."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.seconds: dict[Operation, float | None] = {}
        """Of each that was tried; None if it cannot be done alone."""
        self.loads: dict[Operation, Load] = {}
        """What each that was tried has to do."""
        self.took: list[Took] = []
        """Of all that was done."""

    def time(self, operation: Operation, load: Load) -> float | None:
        """Seconds that an operation takes, by fewer images if it is large; None if that cannot be found out."""
        if operation not in self.seconds:
            self.loads[operation] = load
            smaller = shrunk(operation, load)
            taken = self._taken(smaller.operation)
            self.seconds[operation] = None if taken is None else taken * smaller.times
        return self.seconds[operation]

    def _taken(self, operation: Operation) -> float | None:
        try:
            given = [_made(value, self._machine.device) for value in operation.args]
            named = {name: _made(value, self._machine.device) for name, value in operation.kwargs}
            with torch.no_grad():
                return self._best(lambda: operation.function(*given, **named))
        except (RuntimeError, TypeError, ValueError, IndexError):
            return None  # it asks for numbers in its tensors that mean something, or for sizes that belong together

    def _best(self, work: Callable[[], object]) -> float:
        """The shortest of two goes, or of some more if they are short."""
        goes = [self._machine.took(work)]
        goes += [self._machine.took(work) for _ in range(REPEATS if goes[0].work <= SHORT else 1)]
        self.took += goes
        return min(took.work for took in goes)  # whatever else the machine does only adds to it


def shrunk(operation: Operation, load: Load) -> Shrunk:
    """An operation that is large done for fewer images, or fewer groups; itself if it is small, or knows no images."""
    times = min(1.0, max(ENOUGH_FLOPS / max(1, load.flops), 0.0) if load.flops else ENOUGH_BYTES / max(1, load.moved))
    packet = operation.function.overloadpacket
    maps = MAPS.get(packet)
    tensors = [arg for arg in operation.args if isinstance(arg, TensorLike) and arg.shape]
    if times == 1 or not tensors:
        return Shrunk(operation, 1)
    first = tensors[0].shape[0]
    if maps is not None and first == 1:
        return _of_fewer_groups(operation, times)
    fewer = max(1, math.ceil(first * times))
    args = tuple(
        _cut(arg, 0, fewer)
        if isinstance(arg, TensorLike) and arg.shape[:1] == (first,) and (maps is None or position in maps)
        else arg
        for position, arg in enumerate(operation.args)
    )
    return Shrunk(operation._replace(args=args), first / fewer)


def _of_fewer_groups(operation: Operation, times: float) -> Shrunk:
    """A convolution whose groups are the images."""
    packet = operation.function.overloadpacket
    weight, position = GROUPS[packet]
    groups = operation.args[position]
    fewer = max(1, math.ceil(groups * times))
    args = list(operation.args)
    for place in MAPS[packet]:
        args[place] = _cut(args[place], 1, args[place].shape[1] // groups * fewer)
    args[weight] = _cut(args[weight], 0, args[weight].shape[0] // groups * fewer)
    args[position] = fewer
    if packet is aten.convolution and isinstance(bias := args[2], TensorLike):
        args[2] = _cut(bias, 0, bias.shape[0] // groups * fewer)
    return Shrunk(operation._replace(args=tuple(args)), groups / fewer)


def _cut(tensor: TensorLike, dim: int, length: int) -> TensorLike:
    """A tensor of so much along one of its dimensions."""
    return tensor._replace(shape=(*tensor.shape[:dim], length, *tensor.shape[dim + 1 :]))


def _made(value: Any, device: torch.device) -> Any:
    """What stands for an argument: tensors of noise, or of zeros where they are to be whole numbers."""
    if isinstance(value, TensorLike):
        place = torch.device("cpu") if value.on_host else device
        made: Tensor = torch.empty_strided(value.shape, value.stride, dtype=value.dtype, device=place)
        elements = made.as_strided((value.size // value.dtype.itemsize,), (1,))  # some may be seen several times
        elements.uniform_(0.1, 1) if value.dtype.is_floating_point else elements.zero_()  # no roots of negatives
        return made
    if isinstance(value, torch.device):
        return device if value.type == "meta" else value
    return [_made(part, device) for part in value] if isinstance(value, tuple) else value
