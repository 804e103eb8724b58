"""A run told to Aim."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import Callback
from gankit_aim.apart import Apart

if TYPE_CHECKING:
    from gankit.core.progress import Progress
    from gankit.kinds.callbacks import Picture, Row, RunContext


class Tracker(Callback):
    """Tells a process in which Aim runs of all that happens; without it nothing more happens after `closed`."""

    _shown_in: ClassVar[set[str]] = set()
    """Hashes of the Aim runs that runs of this process are shown in at present."""

    def __init__(self, run: RunContext, repo: str, experiment: str) -> None:
        """Begin an Aim run in `repo`, which is made if it is a folder without one.

        Raises:
            UserError: if Aim cannot write there.
        """
        self._run = run
        self._hash: str | None = None
        self._aim: Apart | None = Apart()
        try:
            options, stages = run.experiment.model_dump(mode="json"), run.experiment.stages()
            self._aim.ask("begin", run.folder, options, stages, repo, experiment)
            self._replay(self._aim)
        except BaseException:
            self._aim.end()
            raise

    def recorded(self, rows: list[Row]) -> None:
        """Track losses, metrics and events."""
        if self._aim is not None:
            self._aim.ask("record", rows)

    def shown(self, picture: Picture) -> None:
        """Track a picture."""
        if self._aim is not None:
            self._aim.ask("show", picture)

    def restored(self, progress: Progress) -> None:
        """Begin again without what is void now."""
        if self._aim is not None:
            self._replay(self._aim)

    def closed(self) -> None:
        """End the Aim run."""
        aim, self._aim = self._aim, None
        if aim is not None:
            try:
                aim.ask("close")
            finally:
                aim.end()
                self._shown_in.discard(self._hash or "")

    def _replay(self, aim: Apart) -> None:
        """Let an Aim run show what the run has recorded so far and nothing else."""
        others = self._shown_in - {self._hash}
        now = aim.ask("replay", self._run.rows, self._run.pictures, others)
        self._shown_in.discard(self._hash or "")
        self._shown_in.add(now)
        self._hash = now
