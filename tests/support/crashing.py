"""Runs in processes of their own that are killed at chosen moments and go on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml

EXPERIMENTS = Path(__file__).parents[2] / "experiments" / "small"
PLUGIN = Path(__file__).with_name("phases.py")
PHASES = ("stable", "fading", "saving", "evaluating")

CHANNELS = {4: 8, 8: 6}
SHARED = {
    "plugins": [str(PLUGIN)],
    "evaluation": {"metrics": [{"use": "is", "splits": 2}, "fid"], "images": 128, "every": 96, "extractor": "digits"},
    "checkpoints": {"every": 64, "keep": 3, "best": "fid"},
    "observers": ["phases", {"use": "sample-grid", "every": 256, "count": 4}],
}
SYSTEMS = {
    "pggan": {
        "extends": str(EXPERIMENTS / "pggan-digits.yaml"),
        "generator": {"latent": 8, "channels": CHANNELS},
        "discriminator": {"channels": CHANNELS},
        "training": {"batch": 16},
    },
    "stylegan": {
        "extends": str(EXPERIMENTS / "stylegan-r1-digits.yaml"),
        "generator": {"latent": 8, "mapping": {"layers": 2, "width": 8, "mixing": 0.9}, "channels": CHANNELS},
        "discriminator": {"channels": CHANNELS},
        "training": {"batch": 16, "mirror": True},
    },
    "stylegan2": {
        "extends": str(EXPERIMENTS / "stylegan2-digits.yaml"),
        "generator": {"latent": 8, "mapping": {"layers": 2, "width": 8}, "channels": CHANNELS},
        "discriminator": {"channels": CHANNELS},
        "training": {"batch": 16},
    },
    "sngan": {
        "extends": str(EXPERIMENTS / "sngan-digits.yaml"),
        "data": {"use": "digits", "labels": True},
        "generator": {"latent": 8, "norm": "conditional-batch", "channels": CHANNELS},
        "discriminator": {"rgb": "residual-rgb", "head": {"labels": "project"}, "channels": CHANNELS},
        "training": {
            "batch": 8,
            "discriminator_steps": 5,
            "averages": {
                "slow": {"use": "exponential", "half_life": "1k", "statistics": "average"},
                "snapshots": {"use": "snapshots", "every": 24, "last": 3},
            },
        },
    },
    "r3gan": {
        "extends": str(EXPERIMENTS / "r3gan-digits.yaml"),
        "generator": {"latent": 8, "channels": CHANNELS},
        "discriminator": {"channels": CHANNELS},
        "training": {"batch": 16},
    },
    "ada": {
        "extends": str(EXPERIMENTS / "stylegan-r1-digits.yaml"),
        "generator": {"latent": 8, "mapping": {"layers": 2, "width": 8, "mixing": 0.9}, "channels": CHANNELS},
        "discriminator": {"channels": CHANNELS},
        "augment": {"use": "ada", "start": 0.3, "target": 0.1, "over": 5_000, "interval": 3},
        "training": {"batch": 16},
    },
}
"""Tiny forms of the systems, each grown through a fade."""


def written(folder: Path, system: str, images: int) -> Path:
    """The experiment's file: so many images stable at 4x4, as many while 8x8 fades in, and as many again."""
    growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: images, 8: 2 * images}, "fade": 0.5}
    options = {"name": system, **SYSTEMS[system], **SHARED, "growth": growth}
    file = folder / f"{system}.yaml"
    file.write_text(yaml.safe_dump(options, sort_keys=False))
    return file


class Process:
    """`gankit` under way, and what its run says that it is doing."""

    def __init__(self, *arguments: object, cache: Path) -> None:
        self._phase = cache / "phase"
        self._phase.unlink(missing_ok=True)
        environment = os.environ | {"GANKIT_CACHE": str(cache), "OMP_NUM_THREADS": "1", "PHASE": str(self._phase)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gankit", *map(str, arguments)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def phase(self) -> str:
        """What the run is doing; empty until it trains."""
        return self._phase.read_text().strip() if self._phase.exists() else ""

    def wait_for(self, *phases: str) -> bool:
        """Wait until the run does one of `phases`; False if it ends before."""
        while self.process.poll() is None:
            if self.phase in phases:
                return True
            time.sleep(0.0002)
        return False

    def kill(self) -> str:
        """SIGKILL; returns what the run was doing."""
        self.process.send_signal(signal.SIGKILL)
        self.ended()
        return self.phase

    def ended(self) -> tuple[int, str]:
        """Wait for the end; returns the exit status and standard error."""
        _, said = self.process.communicate(timeout=1200)  # of a machine that others use, too
        return self.process.returncode, said


def killed_often(file: Path, run: Path, kills: int, each: int, seed: int) -> Counter[str]:
    """Run `file` in `run`, killing it again and again, then let it finish.

    Returns:
        How often it was killed in each phase: `kills` times in all or a few more, at least `each` times in each.
    """
    draw = random.Random(seed)
    hits = Counter[str]()
    while sum(hits.values()) < kills or any(hits[phase] < each for phase in PHASES):
        process = Process("run", file, "--out", run, "--resume", cache=run.parent)
        assert process.wait_for(*PHASES), process.ended()
        time.sleep(draw.uniform(0, 0.3))
        assert process.wait_for("stable", "fading"), process.ended()
        assert process.wait_for(_next(hits, each, process.phase, draw)), process.ended()
        time.sleep(draw.uniform(0, 0.004))
        hits[process.kill()] += 1
    status, said = Process("run", file, "--out", run, "--resume", cache=run.parent).ended()
    assert status == 0, said
    return hits


def _next(hits: Counter[str], each: int, now: str, draw: random.Random) -> str:
    """Which phase to wait for: one that lacks hits, but not one that comes only after a fade that lacks them too."""
    lacking = [phase for phase in PHASES if hits[phase] < each]
    if now == "fading" and lacking != ["stable"]:
        lacking = [phase for phase in lacking if phase != "stable"]
    return draw.choice(lacking or [now, "saving", "evaluating"])


def files(run: Path) -> dict[str, bytes]:
    """All that two equal runs have in common, and nothing else."""
    differing = {"provenance.json", "times.jsonl", "aim.json", ".lock", ".holder.json"}
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in differing
    }
