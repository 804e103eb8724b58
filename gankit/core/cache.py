"""The folder in which gankit keeps what it can compute again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from gankit.core.files import parse_json, read_regular

ARRAYS = ".npz"
"""How files of features and indexes end; all else is folders of images."""


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
    """All that is kept, prepared images first; of what others write and remove meanwhile, what is there when looked at.

    Raises:
        RuntimeError: see `cache_folder`.
    """
    root = cache_folder()
    for folder in sorted((root / "images").glob("*/")):
        try:
            states = [state for file in [*folder.iterdir()] if (state := _state(file))]
        except OSError:
            continue
        size = sum(state.st_size for state in states)
        used = max((state.st_atime for state in states), default=0)
        yield Kept(folder, _described(folder), size, datetime.fromtimestamp(used))
    for file in sorted([*(root / "reals").glob(f"*{ARRAYS}"), *(root / "indexes").glob(f"*{ARRAYS}")]):
        if state := _state(file):
            what = "features of real images" if file.parent.name == "reals" else "an index of images"
            yield Kept(file, what, state.st_size, datetime.fromtimestamp(state.st_atime))


def _state(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:  # it is gone, or a link to nothing
        return None


class Cleared(NamedTuple):
    """What came of clearing."""

    removed: int
    """How many things are gone."""
    filled: list[Path]
    """What a process is filling, which stays."""
    refused: dict[Path, str]
    """What cannot be removed, and why."""


def clear() -> Cleared:
    """Remove all that is kept but what a process is filling.

    What a process has open stays readable to it.
    """
    removed, filled, refused = 0, list[Path](), dict[Path, str]()
    for each in kept():
        try:
            if each.path.suffix == ARRAYS:
                each.path.unlink()
            else:
                with lock_of(each.path, timeout=0):  # renamed first, as others add small things without the lock
                    shutil.rmtree(each.path.rename(each.path.with_suffix(".removed")))
            removed += 1
        except Timeout:
            filled.append(each.path)
        except FileNotFoundError:  # somebody else removed it
            pass
        except OSError as failure:
            refused[each.path] = failure.strerror or str(failure)
    return Cleared(removed, filled, refused)


SEAL = 34
"""Bytes of the line at the end of what is sealed: its hash."""


def sealed(content: bytes) -> bytes:
    """What is kept in a file so that any change of it is noticed."""
    return content + f"\n{hashlib.blake2b(content, digest_size=16).hexdigest()}\n".encode()


def unsealed(file: Path) -> bytes:
    """The content of a file that was sealed.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not as it was written.
    """
    said = read_regular(file)
    if sealed(content := said[:-SEAL]) != said:
        raise ValueError(f"{file} is damaged")
    return content


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
        manifest = parse_json(unsealed(folder / "manifest.json"))
    except (OSError, ValueError):
        return "unfinished images"
    channels, height, width = manifest["content"]["shape"]
    count = manifest["content"]["count"] - len(manifest["skipped"])
    return f"{count:,} images {width}x{height} in {channels} channels, of {manifest['of']}"
