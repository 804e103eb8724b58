"""Progress on the console and grids of samples."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Callback, Images, Many, Observer
from gankit.core.progress import Progress, crossed
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.config.experiment import Experiment


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

    later_options: ClassVar[tuple[str, ...]] = ("bands",)

    every: Images | None = Field(default=None, gt=0)
    """Also each time so many images were shown."""
    count: int = Field(default=64, ge=1, le=100_000)
    """Samples in a picture; with classes at most so many, as each has as many. If there are more classes than samples,
    the first are shown."""
    seed: int = Field(default=0, ge=0)
    """Decides the latents."""
    bands: Many[Annotated[int, Field(ge=0)]] = []
    """The channel that is shown as grey, or the three that are shown as red, green and blue, counted from 0. Default:
    grey and colours as they are; the first three channels of more than four, the first of two."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Pictures have one channel or three, and those are among the data's."""
        channels = experiment.data.image_channels()
        if len(self.bands) not in (0, 1, 3):
            yield f"bands: expected one channel or three, not {len(self.bands)}"
        elif max(self.bands, default=0) >= channels:
            yield f"bands: images have the channels 0 to {channels - 1}, not {max(self.bands)}"

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
            samples = self._shown(self._run.sample(len(rows.labels), seed, rows.labels))
            picture, caption = grid(samples, rows.columns, names=rows.names), rows.caption
        else:
            samples = self._shown(self._run.sample(count, seed))
            picture, caption = grid(samples), ""
        name = f"{progress.images:08d}-{samples.shape[1]}x{samples.shape[2]}-{progress.name}".removesuffix("-")
        self._run.show(name, picture, caption)
        self._painted = progress.images

    def _shown(self, samples: np.ndarray) -> np.ndarray:
        """Of images [N, H, W, C] the channels that are asked for."""
        return samples[..., self._options.bands] if self._options.bands else samples
