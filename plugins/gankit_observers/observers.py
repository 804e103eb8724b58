"""Progress on the console and grids of samples."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Callback, Images, Observer
from gankit.core.progress import Progress, crossed
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    from torch import Tensor


class ConsoleProgress(Observer):
    """On standard error: a live bar on a terminal, a plain line every ten seconds elsewhere; a line for each stage."""

    def callback(self, run: RunContext) -> Callback:
        """Begin to show progress."""
        from gankit_observers.console import Bar, Lines

        live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        return (Bar if live else Lines)(run)


class SampleGrid(Observer):
    """Pictures of the averaged generator's images, always of the same latents, at the end of each stage.

    With classes each row is of one, whose name stands to its left.
    """

    every: Images | None = Field(default=None, gt=0)
    """Also each time so many images were shown."""
    count: int = Field(default=64, ge=1, le=100_000)
    """Samples in a picture; with classes at most so many, as each has as many. If there are more classes than samples,
    the first are shown."""
    seed: int = Field(default=0, ge=0)
    """Decides the latents."""

    def callback(self, run: RunContext) -> Callback:
        """Begin to wait for the next picture."""
        return GridPainter(self, run)


class GridPainter(Callback):
    """Shows a grid when a multiple of `every` is reached or a stage ends; once if both fall together."""

    def __init__(self, options: SampleGrid, run: RunContext) -> None:
        self._options = options
        self._run = run
        self._images = run.progress.images
        self._painted: int | None = None

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Paint if a multiple of `every` was reached or passed since the update before."""
        before, self._images = self._images, progress.images
        if crossed(before, progress.images, self._options.every):
            self._paint(progress)

    def on_stage_end(self, progress: Progress) -> None:
        """Paint the fully grown generator."""
        self._paint(progress)

    def _paint(self, progress: Progress) -> None:
        from gankit.data.pictures import class_rows, grid

        if self._painted == progress.images:
            return
        count, seed = self._options.count, self._options.seed
        if names := self._run.class_names:
            rows = class_rows(names, count)
            samples = self._run.sample(len(rows.labels), seed, rows.labels)
            picture, caption = grid(samples, rows.columns, names=rows.names), rows.caption
        else:
            samples = self._run.sample(count, seed)
            picture, caption = grid(samples), ""
        name = f"{progress.images:08d}-{samples.shape[1]}x{samples.shape[2]}-{progress.name}".removesuffix("-")
        self._run.show(name, picture, caption)
        self._painted = progress.images
