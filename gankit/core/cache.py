"""The folder in which gankit keeps what it can compute again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout


def cache_folder() -> Path:
    """Where it is: $GANKIT_CACHE, or gankit/ in $XDG_CACHE_HOME or ~/.cache.

    Raises:
        RuntimeError: if there is no home folder.
    """
    if chosen := os.environ.get("GANKIT_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gankit"


class Kept(NamedTuple):
    """Something that is kept."""

    path: Path
    """Its file or folder."""
    what: str
    """What it is, for people."""
    size: int
    """Bytes."""
    used: datetime
    """When it was last written or opened, as far as the disk tells."""


def kept() -> Iterator[Kept]:
    """All that is kept, prepared images first."""
    root = cache_folder()
    for folder in sorted((root / "images").glob("*/")):
        files = [(file, file.stat()) for file in folder.iterdir() if file.is_file()]
        size = sum(state.st_size for _, state in files)
        used = max((state.st_atime for _, state in files), default=folder.stat().st_mtime)
        yield Kept(folder, _described(folder), size, datetime.fromtimestamp(used))
    for file in sorted((root / "reals").glob("*.npz")):
        state = file.stat()
        yield Kept(file, "features of real images", state.st_size, datetime.fromtimestamp(state.st_atime))
    for file in sorted((root / "indexes").glob("*.npz")):
        state = file.stat()
        yield Kept(file, "an index of images", state.st_size, datetime.fromtimestamp(state.st_atime))


def clear() -> int:
    """Remove all that is kept but what a process is filling; returns how many things that were.

    What a process has open stays readable to it.
    """
    removed = 0
    for each in kept():
        if not each.path.is_dir():
            each.path.unlink(missing_ok=True)
            removed += 1
            continue
        with suppress(Timeout), lock_of(each.path, timeout=0):
            shutil.rmtree(each.path, ignore_errors=True)
            removed += 1
    return removed


def lock_of(folder: Path, timeout: float = -1) -> FileLock:
    """What a process holds while it fills or removes a folder of the cache; it waits for another so many seconds.

    Args:
        folder: The folder.
        timeout: Seconds; below 0 for ever.
    """
    return FileLock(folder.with_name(f"{folder.name}.lock"), timeout=timeout)


def _described(folder: Path) -> str:
    """What prepared images are."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        channels, height, width = manifest["content"]["shape"]
        count = manifest["content"]["count"] - len(manifest["skipped"])
        return f"{count:,} images {width}x{height} in {channels} channels, of {manifest['of']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "unfinished images"
