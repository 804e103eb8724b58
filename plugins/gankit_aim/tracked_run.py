"""A run as Aim holds it: series to look at, params to choose by, and the files of the run's folder to read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import aim  # noqa: TID253
from aim.storage.rockscontainer import RocksAutoClean  # noqa: TID253

from gankit.core.files import read_regular
from gankit.kinds.callbacks import Picture, Row
from gankit.results.protocols import common_protocol, of_reals
from gankit.results.run_results import read_run
from gankit.results.tracking import caption_under, params_of, series, stage_names, title_of
from gankit.runs.folder import EXPERIMENT, METRICS, PROVENANCE, TIMES, is_run
from gankit.runs.rows import row_as_json

FILES = (EXPERIMENT, PROVENANCE, TIMES)
"""The files of a run's folder that tell, beside metrics.jsonl, what `read_run` reads."""
EVENTS = "events"
"""The series of what happened, in words."""
BEGUN = "begun"
"""The param that tells when a run was begun in Aim, and that it shows all that there was to show then."""


def _close(self: RocksAutoClean) -> None:
    """What Aim does when it closes a database, but for writing it anew in the form that is fastest to read.

    In that RocksDB waits for room when the disk is full. Nothing is lost without: all that was tracked is in the
    database's log, and whoever reads it next writes it anew.
    """
    self._db = None
    if self._lock is not None:
        self._lock.release()
    if self._progress_path is not None:
        self._progress_path.unlink(missing_ok=True)
    self._lock = self._progress_path = None


RocksAutoClean._close = _close


class TrackedRun(aim.Run):
    """A new run in an Aim repository."""

    def __init__(self, repo: str, experiment: str, announce: Callable[[str], None]) -> None:
        """Begin it in `repo`; `announce` is told its hash before there is anything of it, so that no trace is lost."""
        self._announce = announce
        self._stage = self._batches = 0
        self._files: dict[str, str] = {}
        self._events: dict[int, list[aim.Text]] = {}
        self._names: Mapping[int, str] = {}
        super().__init__(
            repo=repo,
            experiment=experiment,
            log_system_params=False,  # would store environment variables, passwords in addresses included
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )

    @property
    def hash(self) -> str:
        """What Aim knows it by; assigned by Aim, once."""
        return self._own_hash

    @hash.setter
    def hash(self, chosen: str) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._announce(chosen)
        self._own_hash = chosen

    def describe(self, folder: Path, options: dict[str, Any]) -> None:
        """Name it, and give it the experiment's options and what it is grouped and chosen by as params."""
        self.name = title_of(folder, options)
        for name, value in params_of(folder, options).items():
            self[name] = value
        self["stage"] = self._stage = 1
        self._names = stage_names(folder)

    def record(self, rows: Sequence[Row]) -> None:
        """Track losses, metrics and events: as series, and as lines of metrics.jsonl.

        Every name with every context is a column of Aim's table of runs, in the order of the alphabet. So only
        metrics have a context: the resolution, which lines up runs that came to it in different stages, and the name
        of the stage if it has one.
        """
        for _, together in groupby(rows, key=lambda row: row.images):
            if protocol := common_protocol(measured := list(together)):
                self["protocol"] = protocol
            for row in measured:
                self._track_row(row)
        # events stay when a run goes back, so they do not tell how far it is
        if (stage := max((row.stage for row in rows if row.note is None), default=0)) > self._stage:
            self["stage"] = self._stage = stage
        lines = "".join(json.dumps(row_as_json(row)) + "\n" for row in rows)
        self.track(aim.Text(lines), name=METRICS, step=self._batches)
        self._batches += 1
        self._refuse_broken()

    def show(self, picture: Picture) -> None:
        """Track a picture in the series that its name belongs to."""
        name, path, at = picture
        image = aim.Image(str(path), caption=caption_under(name, path), format="png")
        self.track(
            image,
            name=series(name.removesuffix(f"-{at.name}")),
            step=at.images,
            context=context_of(at.resolution, at.name),
        )
        self._refuse_broken()

    def copy_files(self, folder: Path) -> None:
        """Keep the small files of the run's folder as they are now, and name the plugins that they tell of."""
        if not is_run(folder):
            return
        for name in FILES:
            text = read_regular(folder / name).decode() if (folder / name).exists() else ""
            if text != self._files.get(name, ""):
                self.track(aim.Text(text), name=name, step=0)
                self._files[name] = text
                if name == PROVENANCE:
                    self["plugins"] = list(map(str, read_run(folder).code))

    def flush(self) -> None:
        """Wait until all that it was told has reached its server, if it has one."""
        self._refuse_broken()
        if self.repo.is_remote_repo:
            self.repo._client.get_queue().wait_for_finish()

    def _refuse_broken(self) -> None:
        """Aim itself does not say that the thread that passes on what it is told has died of an error."""
        if self.repo.is_remote_repo and not self.repo._client.get_queue()._thread.is_alive():
            raise ConnectionError(f"the connection to {self.repo.root_path} broke, and nothing more is shown there")

    def _track_row(self, row: Row) -> None:
        context = {} if row.protocol is None else context_of(row.resolution, self._names.get(row.stage, ""))
        # what measures reals is the same for every run: it stands behind in Aim's table of runs
        self.track(row.value, name=f"reals.{row.name}" if of_reals(row) else row.name, step=row.images, context=context)
        if row.note is not None:  # each step of a series holds what was tracked last
            events = self._events.setdefault(row.images, [])
            events.append(aim.Text(f"{row.name}: {row.note}"))
            self.track(events, name=EVENTS, step=row.images)


def context_of(resolution: int, name: str) -> dict[int | str, Any]:
    """The context of what was measured or painted in a stage: its resolution, and its name if it has one."""
    return {"resolution": resolution, **({"stage": name} if name else {})}
