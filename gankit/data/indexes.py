"""Where images lie in files that hold many, found out once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from gankit.core.cache import cache_folder, lock_of
from gankit.core.files import refuse_irregular, remove_drafts, written_at_once


def file_state(file: Path) -> tuple[str, int, int]:
    """The name of a regular file, its size and when it was written: what tells it from all others.

    Raises:
        OSError: if there is no such file, or it is none.
    """
    refuse_irregular(file)
    there = file.stat()
    return file.name, there.st_size, there.st_mtime_ns


def kept_index(states: Sequence[object], make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `make` gives, from the cache if they were made before; several processes make them once.

    Args:
        states: All that decides on what is made.
        make: Looks the images up.

    Raises:
        Exception: what `make` raises.
    """
    name = blake2b(repr([*states]).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
    try:
        folder = cache_folder() / "indexes"
        folder.mkdir(parents=True, exist_ok=True)
        lock = lock_of(folder)
        lock.acquire()
    except (OSError, RuntimeError):  # nothing can be kept, which `prepared` says
        return make()
    try:
        file = folder / f"{name}.npz"
        if (found := _read(file)) is not None:
            return found
        remove_drafts(folder)
        made: dict[str, Any] = make()
        try:
            with written_at_once(file) as opened:
                np.savez(opened, **made)
        except OSError:  # a full disk costs the next run time, no more
            pass
        return made
    finally:
        lock.release()


def _read(file: Path) -> dict[str, np.ndarray] | None:
    """What is kept; None if nothing is, or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # there are many ways to be damaged
        return None
