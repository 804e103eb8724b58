"""How long an iteration waits for its images, which lie prepared on the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from benchmarks.effort import Effort
from benchmarks.rows import Row
from benchmarks.sides import working
from benchmarks.spreads import Spread
from benchmarks.systems import BATCH
from benchmarks.work import Job, Work
from gankit.data.images import RealImages
from gankit.data.loader import Loader
from gankit.discovery.manager import plugins

GOAL = 0.02
"""Share of an iteration."""
PICTURES = 512
STEP = 0.05
"""Seconds that an iteration computes: less than the smallest networks do at 32x32."""
ITERATIONS = 100


class Loading(Work):
    """Takes a batch, then computes for a while, so that the loader's thread has a chance to be ahead."""

    def __init__(self, reals: RealImages, resolution: int) -> None:
        self._loader, self._resolution = Loader(reals, torch.device("cpu")), resolution
        self._shown, self._shares = 0, list[float]()
        self._map, self._weight = torch.randn(16, 32, 32, 32), torch.randn(32, 32, 3, 3)

    def iterate(self, number: int) -> None:
        """One batch."""
        since = time.perf_counter()
        self._loader.batch(self._resolution, 0, self._shown, BATCH)
        waited = time.perf_counter() - since
        self._shown += BATCH
        while time.perf_counter() - since < STEP:
            F.conv2d(self._map, self._weight, padding=1)
        self._shares.append(waited / (time.perf_counter() - since))

    def result(self) -> list[float]:
        """The share of each iteration that was waited for."""
        return self._shares


def write_pictures(folder: Path, size: int, count: int = PICTURES) -> Path:
    """Picture files of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(folder / f"{number:04}.png")
    return folder


def loading(folder: str, resolution: int) -> Work:
    """From a folder of pictures."""
    from gankit_images.folder import Folder

    plugins.load_installed()
    return Loading(RealImages(Folder(path=Path(folder)), [resolution]), resolution)


def measure(effort: Effort) -> Iterator[Row]:
    """At 32x32."""
    resolution = effort.at_most(32)
    folder = write_pictures(effort.folder / "pictures", resolution)
    job = Job(
        "benchmarks.loading:loading",
        {"folder": str(folder), "resolution": resolution},
        environment={"GANKIT_CACHE": str(effort.folder / "cache")},
    )
    runs: list[list[float]] = []
    for _ in range(effort.runs):
        with working(job) as [side]:
            side.ask("iterate", [0] * (2 if effort.few else ITERATIONS))
            runs.append(side.ask("result")[1:])
    note = f"of iterations that compute for {STEP * 1e3:.0f} ms"
    what = f"share of an iteration that waits for a batch of {BATCH} prepared images at {resolution}x{resolution}"
    yield Row(what, Spread.of(runs), GOAL, "lower", note=note)
