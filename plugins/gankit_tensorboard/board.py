"""A run written for TensorBoard; nothing imports this file before a run is watched."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from textwrap import indent
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter  # noqa: TID253

from gankit import Callback
from gankit.results.tracking import chart_of, chart_of_picture, stage_names

if TYPE_CHECKING:
    from gankit.core.progress import Progress
    from gankit.kinds.callbacks import Picture, Row, RunContext


class Board(Callback):
    """Writes rows and pictures as they come.

    Where a run goes on, TensorBoard is told to forget what it has from that step on, and what the run still knows of it
    is written again: a run whose checkpoint does not know this observer is written from its start.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._since = 0
        self._writer: SummaryWriter | None = None
        self._names: Mapping[int, str] = {}

    def on_rows(self, rows: list[Row]) -> None:
        """Write losses, metrics and events."""
        if self._writer is None:
            self._begin()  # these rows are among all that are written then
        else:
            self._write(self._writer, rows, [])

    def on_picture(self, picture: Picture) -> None:
        """Write a picture."""
        if self._writer is None:
            self._begin()
        else:
            self._write(self._writer, [], [picture])

    def on_save(self, progress: Progress) -> None:
        """Put on disk what will not be written again by whoever goes on from this checkpoint."""
        if self._writer is None:
            self._begin()
        else:
            self._writer.flush()

    def state_dict(self) -> dict[str, Any]:
        """How far the run is written."""
        return {"images": self._run.progress.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._since = state["images"]

    def on_rollback(self, progress: Progress) -> None:
        """Go on from the point that the run went back to."""
        self.on_close()
        self._since = progress.images

    def on_close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _begin(self) -> None:
        """Open a new file that takes the place of all that others say of `since` and later."""
        run, since, folder = self._run, self._since, self._run.folder / "tensorboard"
        # files are read in the order of their names, which begin with the second in which they were made
        while any(folder.glob(f"*.tfevents.{int(time.time())}.*")):
            time.sleep(0.05)
        self._writer, self._names = SummaryWriter(str(folder), purge_step=since), stage_names(run.folder)
        experiment = (run.folder / "experiment.yaml").read_text(encoding="utf-8")
        self._writer.add_text("experiment", indent(experiment, "    "), since)
        rows = [row for row in run.rows if row.images >= since]
        self._write(self._writer, rows, [each for each in run.pictures if each.progress.images >= since])

    def _write(self, writer: SummaryWriter, rows: Iterable[Row], pictures: Iterable[Picture]) -> None:
        for row in rows:
            writer.add_scalar(chart_of(row, self._names.get(row.stage, "")), row.value, row.images)
            if row.note is not None:
                writer.add_text(f"events/{row.name}", row.note, row.images)
        for name, path, at in pictures:
            with Image.open(path) as image:
                writer.add_image(
                    chart_of_picture(name, at), np.array(image.convert("RGBA")), at.images, dataformats="HWC"
                )
