"""Which Aim runs show a run: noted in its folder, so that what they show can be replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gankit.core.files import write_at_once

FILE = "aim.json"


class Entry(NamedTuple):
    """One Aim run."""

    repo: str
    """The folder whose .aim it is in, or aim://HOST:PORT."""
    hash: str
    """What Aim knows it by."""
    folder: str
    """The folder of the run that it shows, as it was called then."""


class Ledger:
    """The Aim runs that were begun for the run in a folder and, as far as is known, are still there."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Open the ledger of a run's folder; `say` takes messages for the user."""
        self._folder, self._say = folder, say

    def entries(self) -> list[Entry]:
        """All of them, oldest first; none, which is said, if they cannot be read."""
        return self._read(self._folder)

    def is_anothers(self, entry: Entry) -> bool:
        """Whether an Aim run shows the run that this folder was copied from, and that is still there."""
        other = Path(entry.folder)
        if not (other / FILE).exists() or other.samefile(self._folder):
            return False
        return any(entry.hash == its.hash for its in self._read(other))

    def add(self, repo: str, run_hash: str) -> None:
        """Note a run that is about to be begun.

        Raises:
            OSError: if it cannot be written down.
        """
        self._write([*self.entries(), Entry(repo, run_hash, str(self._folder))])

    def strike(self, gone: Entry) -> None:
        """Note that a run is no more.

        Raises:
            OSError: if it cannot be written down.
        """
        self._write([entry for entry in self.entries() if entry != gone])

    def _write(self, entries: Sequence[Entry]) -> None:
        text = json.dumps([entry._asdict() for entry in entries], indent=2) + "\n"
        write_at_once(self._folder / FILE, text.encode())

    def _read(self, folder: Path) -> list[Entry]:
        file = folder / FILE
        try:
            return [Entry(**fields) for fields in json.loads(file.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as problem:
            self._say(f"cannot read {file}, so this run may be shown more than once: {problem}")
            return []
