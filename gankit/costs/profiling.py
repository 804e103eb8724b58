"""One stretch of a run under torch's profiler, with the parts of its experiment named."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch._C._profiler import _RecordFunctionFast

from gankit.costs.attribution import NODE, Event, Owner, Spent, spent
from gankit.costs.machine import Machine
from gankit.costs.parts import WatchedPart

RANGE = "gankit: "
"""How the names of ranges begin."""
WHOLE = WatchedPart("iteration")
"""The range around all that is profiled."""
BACKWARD = 1
"""What torch calls the scope of derivatives."""

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # before it is used first, or it tells of every start, and of no GPU


class Profiling:
    """A watcher of parts that opens a range of the profiler for each, and tells afterwards what was spent for what."""

    def __init__(self, device: torch.device) -> None:
        """Profile the CPU, and a GPU if that is the device."""
        self._machine = Machine(device)
        activities = [torch.profiler.ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._profiler = torch.profiler.profile(activities=activities)
        self._open: list[Any] = []
        self.parts: dict[str, WatchedPart] = {}
        """The parts by the names of their ranges."""
        self.seconds = 0.0
        """Seconds that all of it took."""

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Profile what the block does, from when a GPU is done with what came before until it is done with this."""
        self._machine.wait()
        with self._profiler:
            began = time.perf_counter()
            self.enter(WHOLE)
            try:
                yield
                self._machine.wait()
            finally:
                self.seconds = time.perf_counter() - began
                while self._open:
                    self.leave()

    def enter(self, part: WatchedPart) -> None:
        """What follows is done for `part`."""
        name = RANGE + part.label
        self.parts[name] = part
        opened = _RecordFunctionFast(name)  # which costs a tenth of `record_function`
        opened.__enter__()
        self._open.append(opened)

    def leave(self) -> None:
        """Back to the part around."""
        self._open.pop().__exit__(None, None, None)

    def spent(self) -> Mapping[Owner, Spent]:
        """How long was spent for what; the part of what no part has asked for is `WHOLE` or None."""
        return spent(self.events(), self.parts)

    def write_trace(self, path: Path) -> None:
        """Write all that was noted in the form that Perfetto and Chrome read, packed by gzip if the name ends in .gz.

        Raises:
            OSError, RuntimeError: if it cannot be written.
        """
        self._profiler.export_chrome_trace(str(path))

    def events(self) -> list[Event]:
        """All that was noted on the CPU, with what a GPU did for it."""
        results = self._profiler.profiler.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
        of_device: dict[int, int] = {}
        on_host = []
        for noted in results:
            launch, is_host = noted.linked_correlation_id(), noted.device_type().name == "CPU"
            if is_host and not launch:  # else it is a call of the GPU's library within an operation
                on_host.append(noted)
            elif not is_host and not noted.is_user_annotation():  # a kernel, or a copy, and no range around some
                of_device[launch] = of_device.get(launch, 0) + noted.duration_ns()
        return [_event(noted, of_device) for noted in on_host]


def _event(noted: Any, of_device: Mapping[int, int]) -> Event:
    name, start = noted.name(), noted.start_ns()
    is_of_node = name.startswith(NODE) or noted.scope() == BACKWARD
    return Event(
        name,
        start,
        start + noted.duration_ns(),
        noted.start_thread_id(),
        noted.sequence_nr(),
        noted.fwd_thread_id() if is_of_node else 0,
        of_device.get(noted.correlation_id(), 0),
    )
