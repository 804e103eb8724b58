"""`gankit ui` as a process, and a study for it to show."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import NamedTuple, TextIO

import psutil
from support import driven
from support.tracked import empty_repository
from support.workers import Here

from gankit.core.progress import ends, progress_at
from gankit.data.pictures import save_png
from gankit.kinds.callbacks import Picture, Row

VARIANTS = ("loss=hinge", "loss=wgan")
SEEDS = (0, 1, 2)


def repository(folder: Path) -> Path:
    shutil.copytree(empty_repository().name, folder)
    return folder / ".aim"


def study(runs: Path, name: str = "losses", metric: str = "fid", has_quick: bool = False) -> None:
    """Track runs of a study that were evaluated twice in each stage, or thrice, and have a picture of each time."""
    if not runs.exists():
        repository(runs)
    for variant in VARIANTS:
        for seed in SEEDS:
            names = [f"{metric}_quick", f"{metric}_quick", metric] if has_quick else [metric, metric]
            track(runs / name / variant / f"seed-{seed}", names)


def track(folder: Path, names: Sequence[str]) -> None:
    """Track a run of a study, with a metric of each of these names in turn every 100 images up to each stage's end."""
    runs, study, variant = folder.parents[2], folder.parents[1].name, folder.parent.name
    seed = int(folder.name.removeprefix("seed-"))
    experiment = driven.experiment(use="aim").model_copy(update={"name": study, "variant": variant, "seed": seed})
    driven.write_experiment(folder, experiment)
    points = [
        (end - 100 * back, stage, name)
        for end, stage in zip(ends(driven.STAGES), (1, 2, 3), strict=True)
        for back, name in zip(range(len(names) - 1, -1, -1), names, strict=True)
    ]
    rows = [
        Row(images, stage, driven.STAGES[stage - 1].resolution, name, seed + images / 100, driven.PROTOCOL)
        for images, stage, name in points
    ]
    options = experiment.model_dump(mode="json")
    aim = Here("gankit_aim.mirror:Mirror", folder, options, (str(runs), study), [], called="Aim")
    aim.call("replay", rows, [picture(folder, images) for images, *_ in points])
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
        """What it says until it is ready."""
        said: list[str] = []
        for line in self.output:
            said.append(line.rstrip())
            if "Ctrl-C ends it" in line:
                break
        return said

    def object(self) -> str:
        """The object that it says to programs; what it has said by then if it says none within five minutes."""
        giving_up = Timer(300, self.process.kill)
        giving_up.start()
        said = ""
        for line in self.output:
            said += line
            if line == "}\n":
                break
        giving_up.cancel()
        return said

    def addresses(self) -> dict[str, str]:
        """The addresses of its views by their names."""
        shown = [line.split("  ", 1) for line in self.lines() if line.startswith("http")]
        return {name: address for address, name in shown}

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
