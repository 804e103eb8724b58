"""Processes that compute each update together, by torch.distributed; imported where there are several alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gankit.core.errors import RunError
from gankit.training.ranks import Ranks

T = TypeVar("T")

LOOPBACK = "127.0.0.1"

PATIENCE = timedelta(days=7)
"""How long a process waits for another, which may be evaluating or writing.

A lost process is noticed at once by those that wait for it by gloo, whose connections break. NCCL waits on shared
memory and notices nothing: then process 0 is ended by what watches the processes that it started
(`gankit.runs.others`), or all are by the launcher.
"""


class LostProcessError(RunError):
    """Another process of a run is gone."""


class Word(IntEnum):
    """What process 0 says to the others between updates."""

    LEAVE = 1
    BEGIN = 2
    STATE = 3
    ITERATE = 4
    EVALUATE = 5
    COMPARE = 6


def meeting_place(count: int, port: int | None = None) -> Any:
    """Where so many processes of this machine meet: made by the first at a free port, its `port`, and found there."""
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

    if port is not None:
        return TCPStore(LOOPBACK, port, count, is_master=False, wait_for_workers=False)
    listening = socket.create_server((LOOPBACK, 0))  # the store's own would be reached from everywhere
    free = int(listening.getsockname()[1])
    return TCPStore(LOOPBACK, free, count, is_master=True, wait_for_workers=False, master_listen_fd=listening.detach())


class ProcessGroup(Ranks):
    """Several processes, each with a part of every batch."""

    def __init__(self, store: Any = None, number: int = -1, count: int = -1) -> None:
        """Meet the others.

        Args:
            store: Where they meet, see `meeting_place`; None: where the environment says, as torchrun sets it.
            number: Which one this is; -1: as the environment says.
            count: How many there are; -1: as the environment says.

        Raises:
            LostProcessError: if one does not come.
        """
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        with _connected():
            dist.init_process_group(backend, timeout=PATIENCE, store=store, rank=number, world_size=count)
        self.number, self.count = dist.get_rank(), dist.get_world_size()

    def close(self) -> None:
        """Part from the others, which part too."""
        dist.destroy_process_group()

    def add_up(self, tensor: Tensor) -> None:
        """Let a contiguous tensor hold the sum of those of all processes, the same bits in each."""
        with _connected():
            dist.all_reduce(tensor)

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows [n, ...] of all processes, [count * n, ...], in the order of their numbers."""
        rows = rows.contiguous()
        found = [torch.empty_like(rows) for _ in range(self.count)]
        with _connected():
            dist.all_gather(found, rows)
        return torch.cat(found)

    def exchanged(self, value: T) -> Sequence[T]:
        """What each process gives, in the order of their numbers; anything that can be pickled, its tensors on CPUs."""
        found: list[T | None] = [None] * self.count
        with _connected():
            dist.all_gather_object(found, value)
        return found  # pyright: ignore[reportReturnType]

    def told(self, value: T) -> T:
        """What process 0 gives, in each of them."""
        found = [value]
        with _connected():
            dist.broadcast_object_list(found, src=0)
        return found[0]

    def say(self, word: Word) -> int:
        """As process 0 tell the others what comes next; returns a signal that one of them was sent, or 0."""
        return self._agreed(word, 0)[1]

    def hear(self, signal: int = 0) -> Word:
        """As another process wait for what comes next; tells of a signal that this one was sent."""
        return Word(self._agreed(0, signal)[0])

    def _agreed(self, word: int, signal: int) -> tuple[int, int]:
        both = torch.tensor([word, signal])
        with _connected():
            dist.all_reduce(both, dist.ReduceOp.MAX)
        word, signal = both.tolist()
        return word, signal


@contextmanager
def _connected() -> Iterator[None]:
    """Turn what torch raises where a connection breaks into an error that says so.

    Raises:
        LostProcessError: then.
    """
    try:
        yield
    except RuntimeError as failure:
        said = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise LostProcessError(f"another process of the run is gone: {said:.200}") from failure
