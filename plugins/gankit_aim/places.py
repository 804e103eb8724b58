"""Aim repositories on disk, found without Aim."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

NAME = ".aim"
"""What the folder of a repository is called."""


def repositories(place: Path) -> list[Path]:
    """The folders called .aim that are meant by `place`: itself, or all in it and below it; in order of their paths."""
    return [place] if place.name == NAME and _is_one(place) else sorted(_below(place))


def _below(place: Path) -> Iterator[Path]:
    """Those in `place` and in the folders below it, hidden ones left out."""
    for folder, inside, _ in os.walk(place):
        if NAME in inside and _is_one(found := Path(folder, NAME)):
            yield found
        inside[:] = [name for name in inside if not name.startswith(".")]


def _is_one(folder: Path) -> bool:
    """Whether a folder holds what Aim keeps of runs."""
    return (folder / "meta").is_dir()
