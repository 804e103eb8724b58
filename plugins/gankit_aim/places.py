"""Aim repositories on disk, found without Aim."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gankit import UserError

NAME = ".aim"
"""What the folder of a repository is called."""
HOW = "runs get into one by the observer 'aim', as those of gankit run experiments/quickstart.yaml do"
"""Said where none is found."""
LEVELS = 3
"""How far above a run's folder its repository is at most, by default: RUNS/STUDY/VARIANT/seed-N."""


def repositories(place: Path) -> list[Path]:
    """The folders called .aim that are meant by `place`: itself, or all in it and below it; in order of their paths."""
    return [place] if place.name == NAME and _is_one(place) else sorted(_below(place))


def nearest(place: Path) -> Path:
    """The one folder called .aim that is meant by `place`: itself, or that in it, below it or, if none is, right above.

    Raises:
        UserError: if there is none, or several below.
    """
    if place.parts[:1] == ("aim:",):
        raise UserError(
            f"aim://{'/'.join(place.parts[1:])} is a server of Aim: name the folder .aim that it serves, on the "
            "machine that holds it"
        )
    if not place.exists():
        raise UserError(f"there is no {place}; {HOW}")
    found = [place / NAME] if _is_one(place / NAME) else repositories(place)
    if len(found) > 1:
        raise UserError(f"there are several Aim repositories in {place}, name one: {', '.join(map(str, found))}")
    above = (folder / NAME for folder in place.absolute().parents[:LEVELS])
    for repository in [*found, *filter(_is_one, above)]:
        return repository
    raise UserError(f"there is no Aim repository in {place}, nor right above; {HOW}")


def _below(place: Path) -> Iterator[Path]:
    """Those in `place` and in the folders below it, hidden ones left out."""
    for folder, inside, _ in os.walk(place):
        if NAME in inside and _is_one(found := Path(folder, NAME)):
            yield found
        inside[:] = [name for name in inside if not name.startswith(".")]


def _is_one(folder: Path) -> bool:
    """Whether a folder holds what Aim keeps of runs."""
    return (folder / "meta").is_dir()
