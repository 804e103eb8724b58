"""`gankit ui` as a process, and a study for it to show."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

import psutil
from support import driven
from support.tracked import Here, empty_repository

from gankit.core.progress import ends, progress_at
from gankit.data.pictures import save_png
from gankit.kinds.callbacks import Picture, Row

VARIANTS = ("loss=hinge", "loss=wgan")
SEEDS = (0, 1, 2)


def repository(folder: Path) -> Path:
    shutil.copytree(empty_repository().name, folder)
    return folder / ".aim"


def study(runs: Path) -> None:
    """Track runs of a study that was evaluated twice in each stage and has a picture of each."""
    repository(runs)
    for variant in VARIANTS:
        for seed in SEEDS:
            track(runs, variant, seed)


def track(runs: Path, variant: str, seed: int) -> None:
    folder = runs / "losses" / variant / f"seed-{seed}"
    folder.mkdir(parents=True)
    change = {"name": "losses", "variant": variant, "seed": seed}
    options = driven.experiment(use="aim").model_dump(mode="json") | change
    points = [
        (end - back, stage) for end, stage in zip(ends(driven.STAGES), (1, 2, 3), strict=True) for back in (200, 0)
    ]
    rows = [
        Row(images, stage, driven.STAGES[stage - 1].resolution, "fid", seed + images / 100, driven.PROTOCOL)
        for images, stage in points
    ]
    aim = Here(folder, options, (str(runs), "losses"), [])
    aim.call("replay", rows, [picture(folder, images) for images, _ in points])
    aim.call("close")


def picture(folder: Path, images: int) -> Picture:
    now = progress_at(driven.STAGES, images)
    path = folder / "samples" / f"{images:08d}-{now.resolution}x{now.resolution}.png"
    path.parent.mkdir(exist_ok=True)
    save_png(path, driven.DrivenRun(folder, []).sample(1, images)[0])
    return Picture(path.stem, path, now)


class Ui(NamedTuple):
    """gankit ui as it was started."""

    process: subprocess.Popen[str]
    output: TextIO

    def helpers(self) -> list[psutil.Process]:
        """The processes that it has started and not ended."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_until_begun(self) -> list[psutil.Process]:
        """Wait until it gets Aim ready, and give the processes that it has started for that."""
        deadline = time.monotonic() + 300
        while not (helpers := self.helpers()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return helpers

    def lines(self) -> list[str]:
        """What it says when it is ready."""
        return [self.output.readline() for _ in range(3)]

    def addresses(self) -> dict[str, str]:
        """The addresses of its views by their names."""
        return {name: address for address, name in (line.rstrip().split("  ") for line in self.lines()[:2])}

    def ended(self, number: signal.Signals) -> tuple[int, str]:
        """The exit code and what was said on standard error after a signal."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


@contextmanager
def ui(*arguments: object, terminal: bool = False, environment: Mapping[str, str] = {}) -> Iterator[Ui]:
    """gankit ui, which is over at the end whatever a test did.

    Args:
        arguments: Those of the command.
        terminal: Whether it writes to a terminal rather than a pipe.
        environment: What is added to the environment's variables.
    """
    ours, its = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "gankit", "ui", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(its)
    with open(ours) as output:
        try:
            yield Ui(process, output)
        finally:
            process.kill()
            process.communicate()
