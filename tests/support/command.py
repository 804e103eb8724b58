"""The installed command, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from gankit.cli import main
from gankit.discovery.manager import plugins

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"

QUIET = [{"use": name, "enabled": False} for name in ("progress", "guard")]
"""The observers of a run that nobody watches."""

SMALL = [
    *("--set", "growth.images=64"),
    *("--set", "generator.channels=8"),
    *("--set", "discriminator.channels=8"),
    *("--set", "training.batch=16"),
    *("--set", "evaluation.images=32"),
    *("--set", f"observers={json.dumps(QUIET)}"),
]
"""Settings under which the quick start takes seconds."""

TWO_UPDATES = f"""\
extends: {QUICKSTART}
growth: {{use: fixed, resolution: 8, images: 32}}
generator: {{channels: 4}}
discriminator: {{channels: 4}}
training: {{batch: 16, device: cpu}}
evaluation: {{metrics: []}}
"""
"""An experiment of which nothing is measured."""


def gankit(
    arguments: Sequence[object], folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run `gankit` in `folder`, with a cache of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gankit", *map(str, arguments)],
        cwd=folder,
        env={**environment, "GANKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def gankit_here(arguments: Sequence[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has imported torch already; plugins that it loads are gone afterwards."""
    words, out, err = list(map(str, arguments)), StringIO(), StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err), plugins.restored():
        try:
            code = main(words)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def rows(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
