"""A run without networks: everything that observers see of one, driven by hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from gankit import Callback, Observer, Stage
from gankit.core.progress import Progress, ends, progress_at, progress_in
from gankit.data.pictures import save_png
from gankit.kinds.callbacks import Picture, Row
from gankit.runs.callbacks import CallbackList

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment

STAGES = (Stage(4, 400), Stage(8, 800, 400), Stage(16, 800, 400))
PROTOCOL = {"of": "generated", "images": 100, "extractor": "digits@3f82a0", "seed": 0}


def experiment(**observer: Any) -> Experiment:
    """A real experiment with one observer."""
    from gankit.config.experiment import Experiment
    from gankit.discovery.manager import plugins

    plugins.load_installed()
    options = yaml.safe_load(Path(__file__).with_name("driven.yaml").read_text())
    others = [{"use": name, "enabled": False} for name in ("progress", "guard")]
    return Experiment.model_validate({**options, "observers": [observer, *others]})


def write_experiment(folder: Path, experiment: Experiment) -> None:
    """Make `folder` a run's, as far as Aim looks."""
    from gankit.config.yaml.writer import dump_experiment

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))


class DrivenRun:
    """Shows images in batches of 20 and records losses and metrics that follow from the number of images shown."""

    def __init__(
        self,
        folder: Path,
        observers: Sequence[Observer],
        experiment: Any = None,
        batch: int = 20,
        before: DrivenRun | None = None,
    ) -> None:
        """A new run, or one that goes on where `before` stands."""
        self.experiment = experiment
        self.folder = folder
        self.images = before.images if before else 0
        self.batch = batch
        self.drawn: list[tuple[int, int]] = []
        self.class_names: Sequence[str] = ()
        self.labels: list[int] = []
        self.rows: list[Row] = list(before.rows) if before else []
        shown = before.pictures if before else []
        self.pictures = [picture._replace(path=folder / "samples" / picture.path.name) for picture in shown]
        self.networks: dict[str, nn.Module] = {}
        self.attempt = 0
        self.requests: list[tuple[str, float | None]] = []
        self.callbacks: Callback = Callback()
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        self.callbacks = CallbackList(observers, self)

    @property
    def runs_root(self) -> Path:
        """The folder that holds the run's folder."""
        return self.folder.parent

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return progress_at(STAGES, self.images)

    def sample(self, count: int, seed: int, labels: Sequence[int] = ()) -> np.ndarray:
        """Noise that depends on the seed and the images shown."""
        self.drawn.append((count, seed))
        self.labels = list(labels) or self.labels
        size = self.progress.resolution
        return np.random.default_rng([seed, self.images]).integers(0, 256, (count, size, size, 1), dtype=np.uint8)

    def show(self, name: str, image: np.ndarray, caption: str = "") -> None:
        """Save a picture and pass it on."""
        path = self.folder / "samples" / f"{name}.png"
        save_png(path, image, caption)
        self.pictures.append(Picture(name, path, self.progress))
        self.callbacks.on_picture(self.pictures[-1])

    def reals(self, count: int, seed: int) -> np.ndarray:
        """Noise too, but ever the same."""
        size = self.progress.resolution
        return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), dtype=np.uint8)

    def log_event(self, name: str, value: float, note: str) -> None:
        """Record an event."""
        at = self.progress
        self._record([Row(at.images, at.stage, at.resolution, name, value, note=note)])

    def stop(self, reason: str) -> None:
        """Take note."""
        self.requests.append((reason, None))

    def roll_back(self, reason: str, rate: float = 1.0) -> None:
        """Take note."""
        self.requests.append((reason, rate))

    def go_back(self, images: int) -> None:
        """Stand where so many images had been shown, as after going back to a checkpoint; numbers come out anew."""
        self.images = images
        self.attempt += 1
        self.rows = [row for row in self.rows if row.images <= images or row.note is not None]
        self.pictures = [picture for picture in self.pictures if picture.progress.images <= images]

    def train(self, until: int = 10**9, pause: float = 0.0) -> None:
        """Carry the run out to its end or to `until` images; what comes after the end of a run is left to `end`."""
        for number, end in enumerate(ends(STAGES), start=1):
            if self.images >= end:
                continue
            full = progress_in(STAGES, number, end)
            self.callbacks.on_stage_start(self.progress)
            while self.images < min(end, until):
                self.images += self.batch
                time.sleep(pause)
                if self.images % 100 == 0:
                    self._record(self._rows(full._replace(images=self.images), None, 1.0))
                self.callbacks.on_update(self.progress, {})
            if self.images < end:
                return
            self.callbacks.on_evaluation_start(full)
            self._record(self._rows(full, PROTOCOL, 2.0))
            self.callbacks.on_stage_end(full)
        self.callbacks.on_finish()

    def _record(self, rows: list[Row]) -> None:
        self.rows += rows
        self.callbacks.on_rows(rows)

    def _rows(self, at: Progress, protocol: dict[str, Any] | None, scale: float) -> list[Row]:
        names = ("fid", "fid_floor", "is") if protocol else ("loss.discriminator", "loss.generator", "score.real")
        value = scale / at.images + self.attempt
        rows = [Row(at.images, at.stage, at.resolution, name, value, protocol) for name in names]
        of_reals = {**PROTOCOL, "of": "held-out reals"}
        return [row._replace(protocol=of_reals) if row.name == "fid_floor" else row for row in rows]


if __name__ == "__main__":  # a run in a process of its own: folder, seconds between updates, Aim's repository
    folder, pause, *repo = sys.argv[1:]
    tracked = experiment(use="aim", repo=repo[0] if repo else None)
    write_experiment(Path(folder), tracked)
    run = DrivenRun(Path(folder), tracked.observers, tracked)
    run.train(pause=float(pause))
    run.callbacks.on_close()
