"""An Aim run that shows a run as it stands, however often that was resumed or rolled back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.core.failures import in_short
from gankit.results.run_results import read_run
from gankit.runs.folder import is_run
from gankit_aim import repository
from gankit_aim.ledger import Entry, Ledger
from gankit_aim.mirror import Mirror

if TYPE_CHECKING:
    from gankit.core.progress import Stage
    from gankit.kinds.callbacks import Picture, Row


class Showing:
    """Shows one run in an Aim repository.

    Aim cannot take back what was tracked. So whenever a run goes on from an earlier point, a new Aim run is begun, all
    that the run has recorded up to there is replayed into it, and only then the one that showed it before is removed.
    """

    def __init__(
        self,
        send: Callable[[tuple[str, Any]], None],
        folder: Path,
        options: dict[str, Any],
        stages: Sequence[Stage],
        repo: str,
        experiment: str,
    ) -> None:
        """Prepare to show a run.

        Args:
            send: Takes messages for the user, ("said", text), and signs of life, ("busy", None).
            folder: The run's folder.
            options: The run's experiment.
            stages: Its stages.
            repo: A folder, which is made an Aim repository if it is none, or aim://HOST:PORT.
            experiment: The experiment under which Aim files it.
        """
        self._folder, self._options, self._stages = folder, options, stages
        self._repo, self._experiment = repo, experiment
        self._send = send
        self._ledger = Ledger(folder, self._say)
        self._mirror: Mirror | None = None
        self._held: list[Entry] = []
        """Aim runs that could not be removed for now."""

    def replay(self, rows: Sequence[Row], pictures: Sequence[Picture], others: Collection[str]) -> str:
        """Show `rows` and `pictures` in a new Aim run, then remove those that showed this run before but not `others`.

        Returns:
            The hash of the new one.

        Raises:
            Exception: whatever Aim raises if it cannot write; then those before are as they were.
        """
        before, self._mirror = self._mirror, self._begun(rows, pictures)
        self._enter(self._mirror)
        if before is not None:
            self._end(before)
        now, self._held = self._mirror.tracked.hash, []
        for entry in self._ledger.entries():
            if entry.hash != now and entry.hash not in others:
                self._remove(entry)
        return now

    def record(self, rows: list[Row]) -> None:
        """Track losses, metrics and events."""
        if self._mirror is not None:
            self._mirror.record(rows)
            repository.refuse_broken(self._mirror.tracked)
            if any(row.protocol is not None for row in rows):
                self._note_facts(self._mirror)

    def show(self, picture: Picture) -> None:
        """Track a picture."""
        if self._mirror is not None:
            self._mirror.show(picture)
            repository.refuse_broken(self._mirror.tracked)

    def close(self) -> None:
        """End the Aim run and enter it in the index."""
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            repository.flush(mirror.tracked)
            self._end(mirror)
            self._enter(mirror)
            for entry in self._held:
                self._remove(entry)

    def _begun(self, rows: Sequence[Row], pictures: Sequence[Picture]) -> Mirror:
        """A new Aim run with all that the run has recorded."""
        before = self._ledger.entries()
        mirror: Mirror | None = None
        try:
            # noted before there is anything of it, so that it can be removed whatever happens
            tracked = repository.begin(self._repo, self._experiment, lambda new: self._ledger.add(self._repo, new))
            mirror = Mirror(tracked, self._folder, self._options, self._stages)
            unreadable = mirror.replay(rows, pictures, lambda: self._send(("busy", None)))
            self._note_facts(mirror)
        except Exception:
            if mirror is not None:
                self._end(mirror)
            for entry in self._ledger.entries():
                if entry not in before:
                    self._remove(entry)
            raise
        if unreadable:
            self._say(f"pictures that cannot be read are no longer shown: {', '.join(map(str, unreadable))}")
        return mirror

    def _note_facts(self, mirror: Mirror) -> None:
        """Let an Aim run tell what the run's folder says of its cost and its plugins."""
        if is_run(self._folder):
            run = read_run(self._folder)
            mirror.note(run.cost, run.code)

    def _end(self, mirror: Mirror) -> None:
        """Write no more to an Aim run."""
        self._try(mirror.tracked.close, f"cannot close this run in {self._repo}")

    def _enter(self, mirror: Mirror) -> None:
        """Let queries find what was tracked so far."""
        tracked = mirror.tracked
        self._try(
            lambda: repository.index(tracked.repo, tracked.hash), f"cannot enter this run in the index of {self._repo}"
        )

    def _remove(self, entry: Entry) -> None:
        """Remove an Aim run from wherever it shows this run, at the end if it is held as yet."""

        def remove() -> None:
            try:
                for repo in self._places(entry):
                    repository.remove(repo, entry.hash)
            except repository.HeldError:  # the Aim of a process that was killed takes a moment to end
                if entry in self._held:
                    raise
                self._held.append(entry)
            else:
                self._ledger.strike(entry)

        self._try(remove, f"cannot remove the outdated run {entry.hash} from {entry.repo}")

    def _places(self, entry: Entry) -> list[str]:
        """The repositories that an Aim run is to be removed from, when folders may have been moved or copied."""
        came_along = not repository.same(entry.repo, self._repo) and repository.holds(self._repo, entry.hash)
        places = [self._repo] if came_along else []
        if self._ledger.is_anothers(entry) or (came_along and not repository.exists(entry.repo)):
            return places
        return [*places, entry.repo]

    def _try(self, step: Callable[[], None], otherwise: str) -> None:
        """Do what the rest can do without, and say so if it fails."""
        try:
            step()
        except Exception as failure:
            self._say(f"{otherwise}: {in_short(failure)}")

    def _say(self, message: str) -> None:
        self._send(("said", f"aim: {message}"))
