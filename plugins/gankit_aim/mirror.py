"""Shows a run in an Aim repository as it stands, however often it was resumed or rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit import UserError
from gankit.core.failures import in_short, warn
from gankit.core.files import parse_json, read_regular, set_aside, write_at_once
from gankit.kinds.callbacks import Picture, Row
from gankit_aim import repository

if TYPE_CHECKING:
    from gankit_aim.tracked_run import TrackedRun

LEDGER = "aim.json"
"""The file of a run's folder that lists the Aim runs that were begun for it and, as far as is known, are there yet."""
ROWS_AT_ONCE = 1000
"""Rows that are replayed between two signs of life."""


Target = tuple[str, str]
"""The folder whose .aim is the repository, or aim://HOST:PORT; and the experiment under which Aim files the run."""


class Listed(NamedTuple):
    """An Aim run that was begun for a run."""

    repo: str
    hash: str
    folder: str
    """The folder of the run that it shows, as it was called then."""
    experiment: str = ""
    asked: str = ""
    """Not empty if no observer of the run has begun it: it was asked for, as by `gankit track`."""


def _listed(fields: Any) -> Listed:
    """What one entry of a ledger says.

    Raises:
        TypeError: if it is none.
    """
    listed = Listed(**fields)
    if not all(isinstance(text, str) for text in listed):
        raise TypeError("expected texts")
    return listed


class Mirror:
    """Shows one run.

    Aim cannot take back what was tracked. So whenever a run goes on from an earlier point, a new Aim run is begun, all
    that the run has recorded up to there is replayed into it, and only then the one that showed it before is removed.
    """

    def __init__(
        self,
        folder: Path,
        options: dict[str, Any],
        target: Target,
        others: Collection[Target],
        is_own: bool = True,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to show a run.

        Args:
            folder: The run's folder.
            options: Its experiment.
            target: Where to show it.
            others: Where other observers show it.
            is_own: Whether an observer of the run shows it; else it was asked for.
            alive: Called again and again in what may take long.
        """
        self._folder, self._options, self._others, self._alive = folder, options, others, alive
        self._repo, self._experiment = self._target = target
        self._is_own = is_own
        self._run: TrackedRun | None = None

    def begin(self, rows: Sequence[Row], pictures: Iterable[Picture]) -> None:
        """Show what a run has recorded before it goes on; nothing, and nothing of what follows, if that fails.

        Raises:
            UserError: then.
        """
        try:
            self.replay(rows, pictures)
        except Exception as failure:
            raise UserError(f"nothing of the run is shown: {in_short(failure)}") from failure

    def replay(self, rows: Sequence[Row], pictures: Iterable[Picture]) -> None:
        """Show all that a run has recorded in a new Aim run, then remove those that showed it before.

        Raises:
            Exception: whatever Aim raises if it cannot write; then those before are as they were.
        """
        from gankit_aim.tracked_run import BEGUN, TrackedRun

        before, known, run = self._run, self._ledger(), None
        try:
            with repository.exclusive(self._repo):
                repository.make(self._repo)
                run = TrackedRun(self._repo, self._experiment, self._announce)
            run.describe(self._folder, self._options)
            for start in range(0, len(rows), ROWS_AT_ONCE):
                run.record(rows[start : start + ROWS_AT_ONCE])
                self._alive()
            unreadable = [picture.path for picture in pictures if not self._show_again(run, picture)]
            run.copy_files(self._folder)
            run[BEGUN] = datetime.now(UTC).isoformat()
        except Exception:
            self._end(run)
            self._remove([listed for listed in self._ledger() if listed not in known])
            raise
        if unreadable:
            self._say(f"pictures that cannot be read are no longer shown: {', '.join(map(str, unreadable))}")
        self._run = run
        self._enter(run)
        self._end(before)
        self._remove(self._outdated(run), silent=True)  # tried again at the end, when whoever holds one has let go

    def record(self, rows: list[Row]) -> None:
        """Track losses, metrics and events."""
        if self._run is not None:
            self._run.record(rows)
            if any(row.protocol is not None for row in rows):
                self._run.copy_files(self._folder)

    def show(self, picture: Picture) -> None:
        """Track a picture."""
        if self._run is not None:
            self._run.show(picture)

    def close(self) -> None:
        """End the Aim run and enter it in the index."""
        run, self._run = self._run, None
        if run is not None:
            try:
                run.copy_files(self._folder)
                run.flush()
            finally:
                self._end(run)
            self._enter(run)
            self._remove(self._outdated(run))

    def _show_again(self, run: TrackedRun, picture: Picture) -> bool:
        """Track a picture from before; whether its file can be read."""
        self._alive()
        try:
            run.show(picture)
        except (OSError, ValueError):  # of the file; what Aim cannot write raises others
            return False
        return True

    def _end(self, run: TrackedRun | None) -> None:
        if run is not None:
            self._try(run.close, f"cannot close this run in {self._repo}")

    def _enter(self, run: TrackedRun) -> None:
        index = partial(repository.index, run.repo, run.hash)
        self._try(index, f"cannot enter this run in the index of {self._repo}")

    def _outdated(self, run: TrackedRun) -> list[Listed]:
        """The Aim runs that showed this run before `run` did; what was asked for elsewhere stays, there and here."""
        return [
            listed
            for listed in self._ledger()
            if listed.hash != run.hash and (listed.repo, listed.experiment) not in self._others
            if (listed.repo, listed.experiment) == self._target or (self._is_own and not listed.asked)
        ]

    def _remove(self, gone: list[Listed], silent: bool = False) -> None:
        """Remove Aim runs from wherever they show this run."""
        for listed in gone:
            otherwise = f"cannot remove the outdated run {listed.hash} from {listed.repo}"
            self._try(partial(self._remove_one, listed), otherwise, silent)

    def _remove_one(self, gone: Listed) -> None:
        elsewhere = Path(gone.repo).resolve() != Path(self._repo).resolve()
        came_along = elsewhere and repository.holds(self._repo, gone.hash)  # moved or copied with the folder
        if came_along:
            repository.remove(self._repo, gone.hash)
        if not self._is_anothers(gone) and not (came_along and not repository.exists(gone.repo)):
            repository.remove(gone.repo, gone.hash)
        self._write([listed for listed in self._ledger() if listed != gone])

    def _is_anothers(self, listed: Listed) -> bool:
        """Whether an Aim run shows the run that this folder was copied from, and that is still there."""
        other = Path(listed.folder)
        if not (other / LEDGER).exists() or other.samefile(self._folder):
            return False
        return any(listed.hash == its.hash for its in self._ledger(other))

    def _announce(self, new: str) -> None:
        """List an Aim run before there is anything of it, so that it can be removed whatever happens."""
        asked = "" if self._is_own else "track"
        self._write([*self._ledger(), Listed(self._repo, new, str(self._folder), self._experiment, asked)])

    def _ledger(self, folder: Path | None = None) -> list[Listed]:
        """The Aim runs that a run's folder lists, oldest first; none, which is said, if they cannot be read.

        What cannot be read in this run's folder is kept under another name.
        """
        file = (folder or self._folder) / LEDGER
        try:
            return [_listed(fields) for fields in parse_json(read_regular(file))]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as problem:
            kept = set_aside(file) if folder is None else None
            where = f"; it is kept as {kept.name}" if kept else ""
            self._say(f"cannot read {file}, so this run may be shown more than once: {problem}{where}")
        return []

    def _write(self, ledger: list[Listed]) -> None:
        text = json.dumps([listed._asdict() for listed in ledger], indent=2) + "\n"
        write_at_once(self._folder / LEDGER, text.encode())

    def _try(self, step: Callable[[], None], otherwise: str, silent: bool = False) -> None:
        """Do what the rest can do without, and say so if it fails."""
        try:
            step()
        except Exception as failure:
            if not silent:
                self._say(f"{otherwise}: {in_short(failure)}")

    @staticmethod
    def _say(message: str) -> None:
        warn(f"aim: {message}")
