"""Files that are either complete or as they were."""

from __future__ import annotations

import os
import re
from pathlib import Path


def write_at_once(path: Path, content: bytes) -> None:
    """Write a file that is either complete or as it was, whatever happens to the process or the disk.

    What is there and no file, such as /dev/null or a pipe, is written to and stays what it is.

    Raises:
        OSError: if it cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove what `write_at_once` left in a folder when its process was killed; nobody else may be at it."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\..+\.[0-9]+", path.name) and path.is_file():
            path.unlink()
