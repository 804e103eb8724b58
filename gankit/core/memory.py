"""How much room there is, in memory and on a disk, how threads share what is set, and what is freed is used again."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says what a container may use."""
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""What glibc's mallopt calls its settings (malloc.h)."""


class Allowance:
    """So much of something at a time, whatever the number of threads."""

    def __init__(self, amount: int) -> None:
        self.amount = self._left = amount
        self._freed = Condition()

    @contextmanager
    def taking(self, amount: int) -> Iterator[None]:
        """Wait until so much is left, and take it as long as the block lasts; it must not be more than there is."""
        with self._freed:
            self._freed.wait_for(lambda: amount <= self._left)
            self._left -= amount
        try:
            yield
        finally:
            with self._freed:
                self._left += amount
                self._freed.notify_all()


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


def keep_freed_memory() -> bool:
    """Have this process use the memory that it frees again, rather than give it back and ask anew; whether it will.

    By its own rule glibc gives back what lies at the end of its memory, and all that is larger than 32 MB, so that an
    iteration with large maps has the system clear the same pages again and again. Whoever has set the allocator by the
    environment, or loads another, is left alone.
    """
    if any(name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another system, or another C library
        return False
    settings = ((M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 256 << 20), (M_MMAP_MAX, 0))
    return all([mallopt(name, value) for name, value in settings])


def give_back_freed_memory() -> None:
    """Have glibc give the system back what is freed already; elsewhere nothing is done."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def too_large(what: str, size: int) -> str | None:
    """Say that `what`, of `size` bytes, does not fit into memory; None if it does or that is not known.

    Asked before it is made: the system often promises memory that it does not have, and then ends the process.
    """
    return _more_than(memory_size(), what, size, "of memory")


def too_large_for_disk(what: str, size: int, place: Path) -> str | None:
    """Say that `what` does not fit on the disk on which `place` lies, or will lie when it is made; None if it does."""
    there = nearest_folder(place)
    return _more_than(disk_room(there), what, size, f"on the disk of {there}")


def nearest_folder(place: Path) -> Path:
    """The folder that is there of a place and those that it lies in."""
    return next(folder for folder in [place, *place.absolute().parents] if os.path.isdir(folder))


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
