"""Where the CPU's time of an iteration goes, by operation and shapes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gankit.training.flops import flops

ROWS = 30
"""Of a table."""


class Sums:
    """Of calls with equal shapes."""

    seconds: float = 0.0
    flops: int = 0
    calls: int = 0


class Watch(TorchDispatchMode):
    """Takes the time of each operation by the process's clock, so that it is right on a busy machine too."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: defaultdict[str, Sums] = defaultdict(Sums)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do one operation, and take its time."""
        since = time.process_time()
        out = func(*args, **(kwargs or {}))
        taken = time.process_time() - since
        sums = self.sums[f"{func.overloadpacket} {' '.join(map(_shape, args))}"]
        sums.seconds += taken
        sums.flops += flops(func, args, kwargs or {}, out)
        sums.calls += 1
        return out


def _shape(argument: object) -> str:
    if isinstance(argument, Tensor):
        return "x".join(map(str, argument.shape)) or "1"
    is_mask = isinstance(argument, list) and argument and all(isinstance(each, bool) for each in argument)
    return "".join("-+"[each] for each in argument) if is_mask and isinstance(argument, list) else ""


def table(work: Callable[[], object], rows: int = ROWS) -> str:
    """Operations with the shapes of what they are given, those that take the most time first.

    A `+-` stands for the gradients that are asked for and not: of input, weight and bias.
    """
    since = time.process_time()
    with Watch() as watch:
        work()
    total = time.process_time() - since
    found = sorted(watch.sums.items(), key=lambda pair: pair[1].seconds, reverse=True)
    lines = [f"{'of all':>7} {'ms':>9} {'calls':>6} {'GFLOP/s':>8}  operation and shapes"]
    for name, sums in found[:rows]:
        rate = f"{sums.flops / sums.seconds / 1e9:8.1f}" if sums.flops else " " * 8
        lines.append(f"{sums.seconds / total:7.1%} {sums.seconds * 1e3:9.2f} {sums.calls:6} {rate}  {name}")
    inside = sum(sums.seconds for _, sums in found)
    flops = sum(sums.flops for _, sums in found)
    computed = sum(sums.seconds for _, sums in found if sums.flops)
    lines.append(f"{total * 1e3:.0f} ms in all, {(total - inside) / total:.1%} of it outside operations;")
    lines.append(f"{computed / total:.1%} in convolutions and products at {flops / computed / 1e9:.1f} GFLOP/s")
    return "\n".join(lines)
