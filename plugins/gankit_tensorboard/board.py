"""A run written for TensorBoard; nothing imports this file before a run is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter  # noqa: TID253

from gankit.core.failures import warn
from gankit.results.tracking import chart_of, chart_of_picture, stage_names
from gankit.runs.folder import EXPERIMENT

if TYPE_CHECKING:
    from gankit.kinds.callbacks import Picture, Row

ROWS_AT_ONCE = 1000
"""Rows that are written between two signs of life."""


class Board:
    """Writes rows and pictures as they come.

    Whenever a run goes on, from an earlier point too, all that stands is written to a new file, which tells TensorBoard
    to forget what it has of the others; then these are removed.
    """

    def __init__(self, folder: Path, alive: Callable[[], None] = lambda: None) -> None:
        """Prepare to show the run in a folder; `alive` is called again and again in what may take long."""
        self._run, self._folder, self._alive = folder, folder / "tensorboard", alive
        self._writer: SummaryWriter | None = None
        self._names: Mapping[int, str] = {}

    def begin(self, rows: Sequence[Row], pictures: Iterable[Picture]) -> None:
        """Write what a run has recorded, in place of what was written of it."""
        self.close()
        before = [*self._folder.glob("*.tfevents.*")]
        # files are read in the order of their names, which begin with the second in which they were made
        while any(self._folder.glob(f"*.tfevents.{int(time.time())}.*")):
            time.sleep(0.05)
        writer = SummaryWriter(str(self._folder), purge_step=0)
        self._writer, self._names = writer, stage_names(self._run)
        experiment = (self._run / EXPERIMENT).read_text(encoding="utf-8")
        writer.add_text("experiment", indent(experiment, "    "), 0)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self.record(rows[start : start + ROWS_AT_ONCE])
            self._alive()
        for picture in pictures:
            try:
                self.show(picture)
            except (OSError, ValueError):
                warn(f"tensorboard: a picture that cannot be read is not shown: {picture.path}")
            self._alive()
        writer.flush()
        for file in before:
            file.unlink()

    replay = begin

    def record(self, rows: Iterable[Row]) -> None:
        """Write losses, metrics and events."""
        if self._writer is None:
            return
        for row in rows:
            self._writer.add_scalar(chart_of(row, self._names.get(row.stage, "")), row.value, row.images)
            if row.note is not None:
                self._writer.add_text(f"events/{row.name}", row.note, row.images)

    def show(self, picture: Picture) -> None:
        """Write a picture."""
        name, path, at = picture
        if self._writer is not None:
            with Image.open(path) as image:
                pixels = np.array(image.convert("RGBA"))
            self._writer.add_image(chart_of_picture(name, at), pixels, at.images, dataformats="HWC")

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
