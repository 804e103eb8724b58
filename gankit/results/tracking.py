"""What all have in common that show runs elsewhere: they are told by a worker, and call things by the same names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gankit.core.progress import Progress
from gankit.core.worker import Worker
from gankit.kinds.callbacks import Callback, Picture, Row, RunContext
from gankit.results.protocols import of_reals
from gankit.results.run_results import read_run
from gankit.runs.folder import is_run


class Tracker(Callback):
    """Tells a worker of all that happens in a run and waits for nothing but its end; after `on_close` nothing more.

    The worker's object has the methods `begin` and `replay`, both of all rows and pictures that a run has, `record` of
    further rows, `show` of a further picture, and `close`. What one raises is raised by the next call.
    """

    def __init__(self, run: RunContext, worker: Worker) -> None:
        """Tell it what the run has recorded before it goes on."""
        self._run = run
        self._worker: Worker | None = worker
        worker.tell("begin", run.rows, run.pictures)

    def on_rows(self, rows: list[Row]) -> None:
        """Track losses, metrics and events."""
        self._tell("record", rows)

    def on_picture(self, picture: Picture) -> None:
        """Track a picture."""
        self._tell("show", picture)

    def on_rollback(self, progress: Progress) -> None:
        """Let what the run has recorded so far be shown and nothing else."""
        self._tell("replay", self._run.rows, self._run.pictures)

    def on_close(self) -> None:
        """End what shows the run."""
        worker, self._worker = self._worker, None
        if worker is not None:
            try:
                worker.call("close")
            finally:
                worker.end()

    def _tell(self, method: str, *arguments: Any) -> None:
        if self._worker is not None:
            self._worker.tell(method, *arguments)


def title_of(folder: Path, options: Mapping[str, Any]) -> str:
    """What a run is called where it is shown: VARIANT/seed-N in a study, else as its folder."""
    return folder.name if options.get("variant") is None else f"{folder.parent.name}/{folder.name}"


def params_of(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What a run is grouped and chosen by, under names that make short titles, and all options of its experiment.

    A run outside a study counts as a variant of its own.
    """
    variant: str | None = options.get("variant")
    own = {"study": options["name"], "variant": variant or folder.name, "seed": options["seed"]}
    return {**own, "folder": str(folder), "hparams": options}


def stage_names(folder: Path) -> Mapping[int, str]:
    """The names of the stages of the run in a folder, by their numbers; empty for those without."""
    return read_run(folder).names if is_run(folder) else {}


def series(name: str) -> str:
    """The series of pictures that one called `name` belongs to: what stands between images shown and resolution."""
    return re.sub(r"^\d+-?|-?\d+x\d+$", "", name) or "samples"


def caption_under(name: str, path: Path) -> str:
    """What stands under a picture: its name, and what its file says of it."""
    from PIL import Image

    from gankit.data.pictures import caption_of

    with Image.open(path) as picture:
        return ": ".join(filter(None, (name, caption_of(picture))))


def chart_of(row: Row, stage: str = "") -> str:
    """The chart of a number where there are no contexts, after the group that it stands in.

    That is loss/generator, or for a metric fid/16, with the name of the stage behind if it has one; metrics of reals
    begin with `reals.`.
    """
    if row.protocol is None:
        return row.name.replace(".", "/", 1)
    return "/".join(filter(None, (f"reals.{row.name}" if of_reals(row) else row.name, str(row.resolution), stage)))


def chart_of_picture(name: str, at: Progress) -> str:
    """The name of a picture's chart: samples/16."""
    return "/".join(filter(None, (series(name.removesuffix(f"-{at.name}")), str(at.resolution), at.name)))
