"""Energy as the machine itself counts it: of processors by RAPL, of NVIDIA's GPUs by NVML; else there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import NamedTuple

RAPL = Path("/sys/class/powercap")
"""Where Linux shows the counters of Intel's and AMD's processors."""
PATIENCE = 30.0
"""Seconds between readings; a counter of 32 bits of 61 uJ wraps around in minutes at hundreds of watts."""


class Counter(NamedTuple):
    """A counter of energy that only grows, until it wraps around."""

    name: str
    """What `EnergyMeter.joules` calls it: cpu_joules or gpu_joules."""
    read: Callable[[], int | None]
    """Its value in uJ; None if that cannot be read."""
    wraps_at: int | None = None
    """The value after which it begins at 0; None if it does not."""


class EnergyMeter:
    """Joules since it was made, of all that the machine did meanwhile, by the names of its counters.

    A counter that cannot be read, now or at any time, takes all of its name with it: a part would pass for the whole.
    """

    def __init__(self, counters: Sequence[Counter], patience: float = PATIENCE) -> None:
        self._counters = list(counters)
        self._last = [counter.read() for counter in self._counters]
        self._total = [0] * len(self._counters)
        self._lost = {counter.name for counter, value in zip(counters, self._last, strict=True) if value is None}
        self._lock, self._closed = Lock(), Event()
        self._watcher: Thread | None = None
        if {counter.name for counter in self._counters} - self._lost:
            self._watcher = Thread(target=self._watch, args=(patience,), name="energy", daemon=True)
            self._watcher.start()

    def joules(self) -> dict[str, float]:
        """What was taken so far; only what is known to be whole."""
        self._note()
        found: dict[str, float] = {}
        for counter, total in zip(self._counters, self._total, strict=True):
            if counter.name not in self._lost:
                found[counter.name] = found.get(counter.name, 0.0) + total / 1e6
        return found

    def close(self) -> None:
        """Read no more; nothing runs on after it."""
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self, patience: float) -> None:
        """Read often enough that no counter wraps around twice between readings."""
        while not self._closed.wait(patience):
            self._note()

    def _note(self) -> None:
        with self._lock:
            for place, counter in enumerate(self._counters):
                now, last = counter.read(), self._last[place]
                if now is None or last is None or (now < last and counter.wraps_at is None):
                    self._lost.add(counter.name)
                else:
                    self._total[place] += now - last + (0 if now >= last else (counter.wraps_at or 0) + 1)
                    self._last[place] = now


def rapl_counters(folder: Path = RAPL) -> list[Counter]:
    """The counters of this machine's processors, and of memory where it is counted apart; none if they are not told.

    The kernel shows them to root alone unless it was told otherwise. Zones within a processor are part of it, and that
    of the whole platform (psys) holds the processors, so neither is counted again.
    """
    counters = []
    for zone in sorted(folder.glob("intel-rapl:*")):
        name, is_within = _text(zone / "name") or "", zone.name.count(":") > 1
        if name == "dram" if is_within else name.startswith(("package", "dram")):
            wraps_at = _number(zone / "max_energy_range_uj")
            counters.append(Counter("cpu_joules", lambda file=zone / "energy_uj": _number(file), wraps_at))
    return counters


def nvml_counters(uuids: Sequence[str]) -> list[Counter]:
    """The counters of the GPUs of these UUIDs, since the driver was loaded; none where nvidia-ml-py or NVML is not."""
    try:
        import pynvml  # pyright: ignore[reportMissingImports]

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
    except Exception:  # not installed, no driver, no such GPU: NVML's errors have no base but this
        return []

    def reading(handle: object) -> Callable[[], int | None]:
        def read() -> int | None:
            try:
                return 1000 * pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            except Exception:  # older than Volta, or part of a GPU
                return None

        return read

    return [Counter("gpu_joules", reading(handle)) for handle in handles]


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return None


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text is not None and text.isdecimal() else None
