"""What observers see of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np

    from gankit.config import Experiment


class Progress(NamedTuple):
    """Where a run stands."""

    images: int
    """Real images shown to the discriminator so far."""
    total: int
    """Real images that the whole run shows."""
    stage: int
    """Number of the stage, the first is 1."""
    stages: int
    """Number of stages."""
    resolution: int
    """Height of the images in pixels."""
    alpha: float
    """Weight of the newest layers, from 0 to 1 while they fade in."""


class Row(NamedTuple):
    """One number of a run, as it stands in metrics.jsonl."""

    images: int
    """Real images shown when it was measured."""
    stage: int
    """Number of the stage, the first is 1."""
    resolution: int
    """Height of the images in pixels."""
    name: str
    """What it is: `fid`, `loss.generator`, ..."""
    value: float
    """The number."""
    protocol: dict[str, Any] | None = None
    """How a metric was measured; None for losses and the like."""


class Run(Protocol):
    """A run in progress, as observers may use it."""

    @property
    def experiment(self) -> Experiment:
        """The experiment that is run."""
        ...

    @property
    def folder(self) -> Path:
        """The run's folder."""
        ...

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        ...

    def sample(self, count: int, seed: int) -> np.ndarray:
        """`count` images of the averaged generator, uint8 [count, H, W, channels]; leaves no trace on training."""
        ...

    def show(self, name: str, image: np.ndarray) -> None:
        """Save a picture, uint8 [H, W, channels], as samples/<name>.png and pass it on to every observer."""
        ...


class Watcher:
    """Override the moments that matter; all do nothing by default."""

    def stage_started(self, progress: Progress) -> None:
        """A resolution begins."""

    def updated(self, progress: Progress) -> None:
        """The discriminator and the generator were updated; called after every round, so keep it cheap."""

    def evaluating(self, progress: Progress) -> None:
        """An evaluation begins."""

    def recorded(self, rows: list[Row]) -> None:
        """Losses or metrics were written to metrics.jsonl."""

    def shown(self, name: str, path: Path, progress: Progress) -> None:
        """A picture was saved."""

    def stage_ended(self, progress: Progress) -> None:
        """A resolution has been trained and evaluated."""

    def finished(self) -> None:
        """The run is complete."""

    def closed(self) -> None:
        """The run is over, complete or not; release what is held."""
