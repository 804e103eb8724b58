"""Processes of a run played by threads, for what needs no torch.distributed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from gankit.training.ranks import Ranks

T = TypeVar("T")
LONGEST = 60
"""Seconds that one waits for the others."""


class ThreadRanks(Ranks):
    """One of several threads."""

    def __init__(self, number: int, count: int, table: list[Any], barrier: threading.Barrier) -> None:
        self.number, self.count = number, count
        self._table, self._barrier = table, barrier

    def exchanged(self, value: T) -> Sequence[T]:
        self._table[self.number] = value
        self._barrier.wait(LONGEST)
        found = list(self._table)
        self._barrier.wait(LONGEST)
        return found

    def gathered(self, rows: Tensor) -> Tensor:
        return torch.cat([*self.exchanged(rows)])

    def add_up(self, tensor: Tensor) -> None:
        tensor.copy_(torch.stack([*self.exchanged(tensor.clone())]).sum(0))


def in_each(count: int, work: Callable[[Ranks], T]) -> list[T | Exception]:
    """What `work` gives or raises in each of so many threads that are ranks."""
    table, barrier = [None] * count, threading.Barrier(count)

    def one(number: int) -> T | Exception:
        try:
            return work(ThreadRanks(number, count, table, barrier))
        except Exception as failure:
            return failure

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))
