"""Times of iterations that are not profiled, taken without waiting for a GPU in between."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch


class TimeMark(Protocol):
    """A point in a device's queue of work, as torch.cuda.Event is one."""

    def record(self) -> None:
        """Put it at the end of the queue."""
        ...

    def query(self) -> bool:
        """Whether the device has passed it."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has passed it."""
        ...

    def elapsed_time(self, end_event: Any, /) -> float:
        """Milliseconds from this one to a later one, both of which were passed."""
        ...


class Timer:
    """A clock of what a device does: of a CPU by the time that passes, of a CUDA GPU by marks in its queue.

    A GPU is behind the host, which returns as soon as work is queued, so the host's clock would tell of launches alone.
    """

    def __init__(self, device: torch.device, mark: Callable[[], TimeMark] | None = None) -> None:
        """Time what `device` does; `mark` makes marks for a GPU. Other devices than these two are not timed."""
        self._is_host = device.type == "cpu"
        self._mark = mark or (_cuda_mark if device.type == "cuda" else None)
        self._pending: deque[tuple[TimeMark, TimeMark, list[float]]] = deque()

    @contextmanager
    def timing(self, found: list[float]) -> Iterator[None]:
        """Append to `found` the seconds of what the block does: at once on a CPU, else by `read` at the latest."""
        if self._is_host:
            began = time.perf_counter()
            yield
            found.append(time.perf_counter() - began)
        elif self._mark is None:
            yield
        else:
            began, ended = self._mark(), self._mark()
            began.record()
            yield
            ended.record()
            self._pending.append((began, ended, found))
            while self._pending and self._pending[0][1].query():  # so that they are few, however long a stage is
                self._read_first()

    def read(self) -> None:
        """Append what is not yet appended, once the device has done it; nothing of a device that has failed."""
        try:
            while self._pending:
                self._pending[0][1].synchronize()
                self._read_first()
        except RuntimeError:
            self._pending.clear()

    def _read_first(self) -> None:
        began, ended, found = self._pending.popleft()
        found.append(began.elapsed_time(ended) / 1000)


def _cuda_mark() -> TimeMark:
    return torch.cuda.Event(enable_timing=True)
