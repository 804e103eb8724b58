"""Files that are either complete or as they were, and files of others, which may be no files at all."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

DEEPEST = 64
"""Lists and mappings inside one another in JSON that is read: what walks it calls itself."""
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What may stand where a file is expected."""


def refuse_irregular(path: Path) -> None:
    """Refuse what is no regular file, nor a link to one: pipes, sockets and devices may keep a reader for ever.

    Raises:
        OSError: then, or if there is no such file; nothing was opened.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def read_regular(path: Path) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: if it is none, or cannot be read.
    """
    refuse_irregular(path)
    return path.read_bytes()


def parse_json(text: str | bytes) -> Any:
    """The value that JSON of others holds.

    Raises:
        ValueError: if it is no JSON, or is nested more than DEEPEST deep.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    level = [value]
    for _ in range(DEEPEST):
        level = [item for each in level for item in _inside(each)]
        if not level:
            return value
    raise _too_deep()


def _inside(value: Any) -> Any:
    """What stands in a list or a mapping and is one itself."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, (dict, list))]


def _too_deep() -> ValueError:
    return ValueError(f"nested more than {DEEPEST} deep")


def write_at_once(path: Path, content: bytes) -> None:
    """Write a file as `written_at_once` does.

    Raises:
        OSError: if it cannot be written.
    """
    with written_at_once(path) as file:
        file.write(content)


@contextmanager
def written_at_once(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that is either complete or as it was, whatever happens to the process or the disk.

    What is there and no file, such as /dev/null or a pipe, is written to and stays what it is.

    Raises:
        OSError: if it cannot be written.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def set_aside(path: Path) -> Path | None:
    """Give what stands at `path`, be it a file or not, another name beside it, so that a new file can be written.

    Returns:
        Where it is now; None if nothing is there.

    Raises:
        OSError: if it cannot be renamed.
    """
    if not os.path.lexists(path):
        return None
    names = (path.with_name(f"{path.name}.damaged{f'-{number}' if number else ''}") for number in count())
    return path.rename(next(name for name in names if not os.path.lexists(name)))


def remove_drafts(folder: Path) -> None:
    """Remove what `write_at_once` left in a folder when its process was killed; nobody else may be at it."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.[0-9]+", path.name) and path.is_file():
            path.unlink(missing_ok=True)
