"""How much memory this process has, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def resident() -> int:
    """Bytes in memory now."""
    return _status("VmRSS")


def high_water(reset: bool = False) -> int:
    """Bytes in memory at the highest since the process began, or since the last reset; 0 on a reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
        return 0
    return _status("VmHWM")


def _status(name: str) -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024
