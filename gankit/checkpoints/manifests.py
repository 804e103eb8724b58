"""What checkpoints say of themselves, read without torch and without their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gankit.checkpoints.integrity import CorruptCheckpointError, read_manifest

FORMAT = 1
"""Raised when what a checkpoint holds changes its meaning."""


def found(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first, whole or damaged."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdecimal())


def manifest(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint.

    Raises:
        CorruptCheckpointError: if it is not what was written, or not of a format that is known.
    """
    content = read_manifest(path)
    if content.get("format") != FORMAT:
        raise CorruptCheckpointError(f"it is of format {content.get('format')}, and this gankit reads format {FORMAT}")
    return content


def about(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint; empty if it is damaged."""
    try:
        return manifest(path)
    except CorruptCheckpointError:
        return {}
