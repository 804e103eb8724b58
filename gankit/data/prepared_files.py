"""The folder of a prepared set: what lies there, who may write to it, and how far one is that is being filled."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from filelock import Timeout

from gankit.core.cache import cache_folder, lock_of, sealed, unsealed
from gankit.core.errors import RunError
from gankit.core.failures import warn
from gankit.core.files import parse_json, remove_drafts, write_at_once

MANIFEST, JOURNAL, UNFINISHED = "manifest.json", "journal.json", "unfinished"
"""What a prepared set says of itself, how far an unfinished one is, and its pixels."""
PATIENCE = 2.0
"""Seconds after which it is said that another process is waited for."""


class Skipped(NamedTuple):
    """An image that could not be read."""

    position: int
    """In its source."""
    reason: str
    """Why, with its name."""


class Journal(NamedTuple):
    """How far an unfinished set is."""

    done: int = 0
    """Images of the source that were tried."""
    skipped: tuple[Skipped, ...] = ()
    """Those that could not be read."""
    darkest: int = 255
    lightest: int = 0

    @classmethod
    def of(cls, folder: Path, content: dict[str, Any], size: int) -> Self:
        """What is said by the journal of a folder, if its pixels of `size` bytes an image are there; else a new one."""
        try:
            said = parse_json(unsealed(folder / JOURNAL))
            skipped = tuple(Skipped(*each) for each in said["skipped"])
            journal = cls(said["done"], skipped, said["darkest"], said["lightest"])
            there = (folder / UNFINISHED).stat().st_size
            if said["content"] == content and there >= size * (journal.done - len(skipped)):
                return journal
        except (OSError, ValueError):
            pass
        return cls()

    def write(self, folder: Path, content: dict[str, Any]) -> None:
        """Say it to whoever goes on."""
        write_sealed(folder / JOURNAL, {"content": content, **self._asdict()})


def write_sealed(file: Path, said: dict[str, Any]) -> None:
    """Write what is said of images, so that damage to it is noticed.

    Raises:
        OSError: if it cannot be written.
    """
    write_at_once(file, sealed(json.dumps(said).encode()))


def images_folder() -> Path:
    """Where prepared images are kept.

    Raises:
        RuntimeError: if there is no home folder.
    """
    return cache_folder() / "images"


def writable(folder: Path | None = None) -> Path:
    """This folder, by default that of prepared images, or where nothing can be written one that ends with this process.

    Raises:
        RunError: if there is no such folder either.
    """
    try:
        folder = images_folder() if folder is None else folder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as failure:
        return _stand_in(str(failure))


_stand_ins: list[tempfile.TemporaryDirectory[str]] = []


def _stand_in(reason: str) -> Path:
    """A folder of this process alone."""
    if not _stand_ins:
        try:
            _stand_ins.append(tempfile.TemporaryDirectory(prefix="gankit-"))
        except OSError as failure:
            lack = f"nor in a temporary folder ({failure.strerror or failure}); GANKIT_CACHE names a folder"
            raise RunError(f"prepared images can be kept neither in the cache ({reason}) {lack}") from failure
        warn(f"images are prepared for this process alone, as none can be kept ({reason}); GANKIT_CACHE names a folder")
    return Path(_stand_ins[0].name)


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Say of what the system refuses in here that images cannot be kept in a folder.

    Raises:
        RunError: then.
    """
    try:
        yield
    except OSError as failure:
        raise RunError(
            f"cannot keep images in {folder}: {failure.strerror or failure}; make room, or name another folder by "
            "GANKIT_CACHE, and the same command goes on from what is there"
        ) from failure


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time fills a folder of the cache, and clears away what those before it left when killed.

    Raises:
        RunError: if nothing can be written there.
    """
    lock = lock_of(folder)
    with keeping(folder):
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            warn(f"waits for another process that is filling {folder}")
            lock.acquire()
    try:
        with keeping(folder):
            remove_drafts(folder)
        yield
    finally:
        lock.release()


def pixels_file(folder: Path, height: int) -> Path:
    """Where the images at a height lie, one after the other."""
    return folder / f"height-{height}.uint8"


def mapped(file: Path, shape: Sequence[int]) -> np.ndarray | None:
    """Images of a shape as they lie in a file, uint8, read-only; None if it is not there or has another size."""
    size = int(np.prod(shape, dtype=np.int64))
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_size != size:
                return None
            return np.memmap(opened, np.uint8, mode="r", shape=tuple(shape)) if size else np.empty(shape, np.uint8)
    except OSError:
        return None
