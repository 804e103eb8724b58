"""A study of small real runs that last long enough to be interfered with, and what it must come to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.alone import Alone, children
from support.command import QUICKSTART, gankit

from gankit.runs.status import RunState, state_of

RUNS = ("loss=hinge/seed-0", "loss=hinge/seed-1")

STUDY = f"""\
extends: {QUICKSTART}
growth: {{images: {{4: 64, 8: 1k, 16: 2k}}}}
generator: {{channels: 8}}
discriminator: {{channels: 8}}
training: {{batch: 16}}
evaluation: {{images: 32}}
checkpoints: {{every: 256}}
observers: [progress]
matrix: {{loss: [hinge], seed: [0, 1]}}
"""

FATAL = '''
import os, signal
from gankit import Loss, hookimpl


class Fatal(Loss):
    """Kills the process that began its own."""

    def discriminator(self, real, fake):
        os.kill(os.getppid(), signal.SIGKILL)
        return real.mean() - fake.mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("fatal", Fatal)
'''


def straight(folder: Path) -> dict[str, bytes]:
    """The files of the study run without interference, on this machine in turn."""
    (folder / "study.yaml").write_text(STUDY)
    ended = gankit(["run", "study.yaml", "--out", "straight"], folder)
    assert ended.returncode == 0, ended.stderr
    return files(folder / "straight")


def files(folder: Path) -> dict[str, bytes]:
    """What the runs of a study have left that must not depend on how they were carried out."""
    kept = [path for path in folder.rglob("*") if path.suffix in (".jsonl", ".safetensors", ".pt", ".png")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept if path.name != "times.jsonl"}


def begin(processes: Alone, folder: Path, *settings: str, text: str = STUDY) -> subprocess.Popen[str]:
    """Begin the study in `folder`; what it says is in `said`."""
    (folder / "study.yaml").write_text(text)
    sets = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "gankit", "run", "study.yaml", "--out", "study", *sets]
    return processes.begin(command, folder / "said", folder)


def carriers(above: int, run: str) -> Mapping[int, str]:
    """The processes below another one that carry out a run."""
    return {id: line for id, line in children(above).items() if "-m gankit run" in line and run in line}


def log(folder: Path, run: str) -> str:
    """What a run has printed."""
    path = folder / "study" / f"{run}.log"
    return path.read_text() if path.exists() else ""


def checkpoints(folder: Path, run: str) -> int:
    """How many checkpoints a run has."""
    return len(list((folder / "study" / run / "checkpoints").glob("[0-9]*/manifest.json")))


def is_finished(folder: Path, run: str) -> bool:
    """Whether a run is."""
    return state_of(folder / "study" / run) is RunState.FINISHED
