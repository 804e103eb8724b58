"""What is written to Aim, and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aim  # noqa: TID253
from filelock import FileLock

from gankit import Watcher
from gankit.runs.results import common_protocol, of_reals

if TYPE_CHECKING:
    from gankit.observing import Progress, Row, Run


class Tracker(Watcher):
    """Writes one run to an Aim repository."""

    def __init__(self, run: Run, repo: str, experiment: str) -> None:
        """Begin a run in `repo`, which is made if it is a folder without one.

        Raises:
            Exception: whatever Aim raises if it cannot write there.
        """
        self._run: aim.Run | None = open_run(repo, experiment)
        self._run.name = run.folder.name
        self._run["folder"] = str(run.folder)
        self._run["hparams"] = run.experiment.model_dump(mode="json")

    def recorded(self, rows: list[Row]) -> None:
        """Track losses and metrics.

        Every name with every context is a column of Aim's table of runs, in the order of the alphabet. So only
        metrics have a context, the resolution, which lines up runs that came to it in different stages; and what
        measures reals, the same for every run, is called reals.<name>, which stands behind.
        """
        if self._run is None:
            return
        if protocol := common_protocol(rows):
            self._run["protocol"] = protocol
        for row in rows:
            context: dict[int | str, Any] = {} if row.protocol is None else {"resolution": row.resolution}
            name = f"reals.{row.name}" if of_reals(row) else row.name
            self._run.track(row.value, name=name, step=row.images, context=context)

    def shown(self, name: str, path: Path, progress: Progress) -> None:
        """Track a picture in the series that its name belongs to."""
        if self._run is None:
            return
        picture = aim.Image(str(path), caption=name, format="png")
        self._run.track(picture, name=series(name), step=progress.images, context={"resolution": progress.resolution})

    def closed(self) -> None:
        """End the run and enter it in the repository's index; later calls do nothing, where Aim would go on writing."""
        run, self._run = self._run, None
        if run is None:
            return
        run.close()
        if not run.repo.is_remote_repo:
            index(run)


def open_run(repo: str, experiment: str) -> aim.Run:
    """A new run in `repo`, a folder or aim://HOST:PORT.

    Several processes may ask for runs in a new folder at once, which Aim itself does not withstand.
    """

    def begin() -> aim.Run:
        return aim.Run(
            repo=repo,
            experiment=experiment,
            log_system_params=False,  # would store environment variables, passwords in addresses included
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )

    if aim.Repo.is_remote_path(repo):
        return begin()
    folder = Path(repo)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".aim.lock", timeout=60):
        if not (folder / ".aim" / "VERSION").exists():  # what Aim writes last
            aim.Repo.from_path(repo, init=True)
        return begin()


def index(run: aim.Run) -> None:
    """Let queries find a run at once; Aim itself leaves that to the server of its user interface."""
    from aim.sdk.index_manager import RepoIndexManager  # no public name; a test watches over it

    RepoIndexManager.get_index_manager(run.repo).index(run.hash)


def series(name: str) -> str:
    """The series of pictures that one called `name` belongs to: what stands between images shown and resolution."""
    return re.sub(r"^\d+-?|-?\d+x\d+$", "", name) or "samples"
