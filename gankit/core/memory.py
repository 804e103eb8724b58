"""How much memory there is."""

from __future__ import annotations

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says what a container may use."""


def memory_size() -> int | None:
    """Bytes of memory that this machine or container has; None if the system does not tell."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):  # there is none on Windows
        return None
    for file in LIMITS:
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):  # no container, or "max"
            continue
    return min(sizes)


def too_large(what: str, size: int) -> str | None:
    """That `what`, of `size` bytes, does not fit into memory; None if it does or nobody can tell.

    Asked before it is made: the system often promises memory that it does not have, and then ends the process.
    """
    there = memory_size()
    if there is None or size <= there:
        return None
    return f"{what} take {_bytes_in_words(size)} of memory, but there are {_bytes_in_words(there)}"


def _bytes_in_words(size: int) -> str:
    """Bytes as people say them, such as "2.9 GB"."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= power:
            return f"{size / power:,.1f} {unit}"
    return f"{size} bytes"
