"""How much room there is, in memory and on a disk."""

from __future__ import annotations

import os
import shutil
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
    return _more_than(memory_size(), what, size, "of memory")


def too_large_for_disk(what: str, size: int, place: Path) -> str | None:
    """The same of the disk on which `place` lies, or will lie when it is made."""
    there = next(folder for folder in [place, *place.absolute().parents] if folder.is_dir())
    return _more_than(disk_room(there), what, size, f"on the disk of {there}")


def disk_room(folder: Path) -> int:
    """Bytes that are free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def _more_than(there: int | None, what: str, size: int, where: str) -> str | None:
    if there is None or size <= there:
        return None
    return f"{what} take {bytes_in_words(size)} {where}, but there are {bytes_in_words(there)}"


def bytes_in_words(size: int) -> str:
    """Bytes as people say them, such as "2.9 GB"."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= power:
            return f"{size / power:,.1f} {unit}"
    return f"{size} bytes"
