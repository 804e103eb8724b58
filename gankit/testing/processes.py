"""The processes that this one has begun and that still run."""

from __future__ import annotations

import os
from multiprocessing import resource_tracker
from pathlib import Path


def children() -> set[int]:
    """The ids of child processes that run; none where the system does not tell, as anywhere but on Linux.

    The one by which Python's multiprocessing keeps track of what is shared is left out: it stays to the end.
    """
    found: set[int] = set()
    for listed in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        try:
            found |= {int(number) for number in listed.read_text().split()}
        except OSError:  # a thread that has just ended
            continue
    tracker = getattr(resource_tracker, "_resource_tracker", None)
    return {number for number in found - {getattr(tracker, "_pid", None)} if is_running(number)}


def is_running(number: int) -> bool:
    """Whether there is a process of that id that is more than an exit status nobody has asked for."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()
