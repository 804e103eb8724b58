"""Whether this process is one of several that torchrun, or whoever sets the same variables, has started for one run."""

from __future__ import annotations

import os
from typing import NamedTuple

from gankit.core.errors import UserError


class Launched(NamedTuple):
    """A process among others."""

    number: int
    """Which one it is, counted from 0."""
    processes: int
    """How many there are, on all machines."""


def launched() -> Launched | None:
    """What the environment says by RANK and WORLD_SIZE; None if this process is alone.

    Raises:
        UserError: if it does not say where they meet, or says what cannot be.
    """
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        return None
    if lacking := [name for name in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise UserError(
            f"RANK is set, as for one of several processes, but not {' and '.join(lacking)}; start by torchrun"
        )
    number, count = os.environ["RANK"], os.environ["WORLD_SIZE"]
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise UserError(f"RANK={number} is none of WORLD_SIZE={count} processes; start by torchrun")
    return Launched(int(number), int(count))


def local_number() -> int:
    """Which of the processes on this machine it is, counted from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count(processes: int) -> int:
    """How many of the processes of a run are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", processes))


def cores_of(processes: int) -> int | None:
    """The CPU cores that each of several processes has for itself; None for one, which may have what it likes."""
    if processes == 1:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // local_count(processes))
