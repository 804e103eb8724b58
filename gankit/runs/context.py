"""What observers see of a run, and what they may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from gankit.core.progress import Progress
from gankit.data.images import to_uint8
from gankit.data.pictures import save_png
from gankit.kinds.callbacks import Picture, Row
from gankit.runs.callback_list import CallbackList
from gankit.runs.components import RunComponents
from gankit.runs.folder import RunFolder
from gankit.runs.rows import METRICS, read_rows


class Request(NamedTuple):
    """What an observer asked the run to do."""

    reason: str
    rate: float | None
    """Factor on the learning rates after rolling back; None: stop."""


class LoopContext:
    """A run as gankit.kinds.callbacks.RunContext describes it; whoever trains it makes callbacks, heeds requests."""

    _callbacks: CallbackList

    def __init__(self, parts: RunComponents, folder: RunFolder) -> None:
        self.experiment = parts.experiment
        self._parts, self._trainer, self._record = parts, parts.trainer, folder
        self._pictures: list[Picture] = []
        self._request: Request | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._record.path

    @property
    def runs_root(self) -> Path:
        """The folder that holds the run's folder, or that of the study: STUDY/VARIANT/seed-N."""
        return self.folder.parents[0 if self.experiment.variant is None else 2]

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        return self._trainer.progress

    @property
    def rows(self) -> list[Row]:
        """All that stands in metrics.jsonl."""
        return read_rows(self.folder / METRICS)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures so far."""
        return list(self._pictures)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """`generator` and `discriminator` in training."""
        return {str(name): network for name, network in self._trainer.networks.items()}

    @property
    def attempt(self) -> int:
        """How often the run was rolled back."""
        return self._trainer.attempt

    def sample(self, count: int, seed: int) -> np.ndarray:
        """`count` images of the averaged generator, uint8 [count, H, W, channels]; leaves no trace on training."""
        return to_uint8(self._trainer.sample(0, count, seed)).permute(0, 2, 3, 1).cpu().numpy()

    def reals(self, count: int, seed: int) -> np.ndarray:
        """`count` reals drawn with `seed`, or all if there are fewer, at the resolution in force."""
        reals = self._parts.reals
        return reals.at(self._trainer.grown.resolution)[reals.drawn(count, seed)].transpose(0, 2, 3, 1)

    def show(self, name: str, image: np.ndarray) -> None:
        """Save a picture, uint8 [H, W, channels], under samples/ and pass it on to every observer."""
        path = self._record.samples / f"{name}.png"
        save_png(path, image)
        picture = Picture(name, path, self.progress)
        self._pictures = [*(other for other in self._pictures if other.name != name), picture]
        self._callbacks.shown(picture)

    def report(self, name: str, value: float, note: str) -> None:
        """Record an event."""
        at = self.progress
        self._write([Row(at.images, at.stage, at.resolution, name, value, note=note)])

    def stop(self, reason: str) -> None:
        """End the run after the present moment."""
        self._request = Request(reason, rate=None)

    def roll_back(self, reason: str, rate: float = 1.0) -> None:
        """Go on from the last checkpoint after the present moment."""
        self._request = self._request or Request(reason, rate)

    def _write(self, rows: list[Row]) -> None:
        """Record rows and tell the observers."""
        if rows:
            self._record.record(rows)
            self._callbacks.recorded(rows)
