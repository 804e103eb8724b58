"""How long commands take, and a run until its first update is over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.loading import write_pictures
from benchmarks.rows import Row
from benchmarks.spreads import Spread
from benchmarks.systems import BATCH, pggan

IMPORTS = 1.5
"""Times as long as `import torch`."""
COMMANDS = {"--help": 0.3, "validate": 0.5, "plugins": 0.5}
"""Seconds."""
GANKIT = [sys.executable, "-m", "gankit"]
OBSERVERS = ["progress", "guard"]


def measure(effort: Effort) -> Iterator[Row]:
    """In CPU seconds of the processes and all that they begin and wait for."""
    file = _experiment(effort)
    words = {"--help": ["--help"], "validate": ["validate", str(file)], "plugins": ["plugins"]}
    commands = {name: [*GANKIT, *words[name]] for name in COMMANDS}
    torch = "import torch"
    starts = {
        "with progress and guard": _run(file, effort.folder, OBSERVERS),
        "with Aim as well": _run(file, effort.folder, [*OBSERVERS, "aim"]),
    }
    every = {torch: [sys.executable, "-c", torch], **commands, **starts}
    for command in every.values():  # compiles modules and prepares the data
        _seconds(command, effort.folder)
    runs = [_in_turn(every, effort) for _ in range(effort.runs)]
    for name, goal in COMMANDS.items():
        yield Row(f"gankit {name}", Spread.of([run[name] for run in runs]), goal, "lower", "s")
    yield Row(torch, Spread.of([run[torch] for run in runs]), unit="s")
    for name in starts:
        ratios = [[a / b for a, b in zip(run[name], run[torch], strict=True)] for run in runs]
        yield Row(f"gankit run to its first update, {name}, over {torch}", Spread.of(ratios), IMPORTS, "lower")


def _experiment(effort: Effort) -> Path:
    """PGGAN at 16x16 on pictures of its own."""
    options = {
        "name": "first",
        "data": {"use": "folder", "path": str(write_pictures(effort.folder / "pictures", 16, 64))},
        "growth": {"use": "progressive", "start": 4, "final": 16, "images": 10_000, "fade": 0.5},
        **pggan(effort.width).options,
        "training": {"batch": BATCH, "threads": 1, "device": "cpu"},
        "evaluation": {"metrics": ["fid", "is"], "images": 32, "extractor": "digits"},
    }
    file = effort.folder / "first.yaml"
    file.write_text(json.dumps(options))
    return file


def _run(file: Path, folder: Path, observers: Sequence[str]) -> list[str]:
    plugin = ["--plugin", str(Path(__file__).with_name("first_step.py"))]
    watched = json.dumps([*observers, "first-step"])
    return [*GANKIT, "run", str(file), "--out", str(folder / "run"), *plugin, "--set", f"observers={watched}"]


def _in_turn(commands: dict[str, list[str]], effort: Effort) -> dict[str, list[float]]:
    """CPU seconds of each, one after the other, over and over."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    until = time.monotonic() + effort.seconds
    while time.monotonic() < until or len(taken["plugins"]) < effort.rounds:
        for name, command in commands.items():
            taken[name].append(_seconds(command, effort.folder))
    return taken


def _seconds(command: list[str], folder: Path) -> float:
    """CPU seconds of a process.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    shutil.rmtree(folder / "run", ignore_errors=True)
    own = {"OMP_NUM_THREADS": "1", "GANKIT_CACHE": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, env={**os.environ, **own}, cwd=folder, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, said.read())
    return used.ru_utime + used.ru_stime
