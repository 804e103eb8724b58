"""The machine that is estimated for: how long work takes on it, and in how much memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch

from gankit.core.memory import give_back_freed_memory, memory_size

PEAK = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Where Linux forgets the peak of a process's memory when 5 is written, and where it tells it."""


class Took(NamedTuple):
    """How long something took."""

    work: float
    """Seconds that the CPUs worked for this process; where a GPU works, the same as `wall`."""
    wall: float
    """Seconds that passed."""


class Machine:
    """A device, and clocks.

    What is to be compared is measured by the time that CPUs have worked, which hardly depends on what else a machine
    does; how much passes meanwhile, on many threads or on a busy machine, is a factor.
    """

    def __init__(self, device: torch.device, now: Callable[[], float] = time.perf_counter) -> None:
        """Measure on `device`; `now` tells how many seconds have passed."""
        self.device, self.now, self._tools = device, now, 0
        self._sizes: dict[str, int] = {}
        self._worked = time.process_time if device.type == "cpu" else now

    def took(self, work: Callable[[], object]) -> Took:
        """How long work takes until the device is done with it."""
        self.wait()
        worked, began = self._worked(), self.now()
        work()
        self.wait()
        return Took(self._worked() - worked, self.now() - began)

    def seconds(self, work: Callable[[], object]) -> float:
        """The seconds of work of `took`."""
        return self.took(work).work

    def wait(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    @property
    def memory(self) -> int | None:
        """Bytes that there are; None if nobody knows."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_properties(self.device).total_memory
        return memory_size()

    @property
    def name(self) -> str:
        """What it is, in words."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        threads = torch.get_num_threads()
        return f"{self.device.type}, {threads} thread{'s' * (threads > 1)}"

    def load(self, module: str, in_run: bool = False) -> None:
        """Import what measuring needs; unless it is loaded in a run too, what memory it takes counts for no peak."""
        if module not in self._sizes:
            self._tools = 0
            self.forget_peak()
            before = self.peak
            import_module(module)
            self._sizes[module] = self.peak - before
        self._tools = 0 if in_run else sum(self._sizes.values())

    def give_back(self) -> None:
        """Give back what memory is freed already, which would count for whatever is measured next."""
        give_back_freed_memory()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def tools(self) -> int:
        """Bytes of what only measuring needed."""
        return self._tools

    def forget_peak(self) -> None:
        """Measure the peak of memory from now on, where that can be done."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif self.forgets:
            PEAK[0].write_text("5")

    @property
    def forgets(self) -> bool:
        """Whether a peak can be measured of a part of a process's life."""
        return self.device.type == "cuda" or (self.device.type == "cpu" and PEAK[0].exists())

    @property
    def held(self) -> int:
        """Bytes held now by the device (CUDA) or the process; the peak where the system does not report it."""
        if self.device.type == "cuda":
            return torch.cuda.memory_reserved(self.device)
        return _kilobytes("VmRSS") * 1024 - self._tools if self.forgets else self.peak

    @property
    def peak(self) -> int:
        """Bytes of memory at most since `forget_peak`: of the GPU if that is the device, else of the process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.device)
        if self.forgets:
            return _kilobytes("VmHWM") * 1024 - self._tools
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _kilobytes(name: str) -> int:
    """What Linux tells of this process's memory."""
    [line] = [line for line in PEAK[1].read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])
