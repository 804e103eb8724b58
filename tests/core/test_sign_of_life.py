"""A run gives a sign of life before torch is imported, which takes long on a busy machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.command import TWO_UPDATES, gankit_here

from gankit.core.progress import Stage, stages_in_short

UP_TO_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails
from gankit.cli import main
main(["run", "two.yaml"])
"""


def test_what_is_prepared_is_said_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO_UPDATES)
    done = subprocess.run([sys.executable, "-c", UP_TO_TORCH], cwd=tmp_path, capture_output=True, text=True)

    assert "torch" in done.stderr.splitlines()[-1]
    assert done.stderr.startswith("gankit: runs/quickstart is being prepared: 1 stage, 8x8\n")


def test_what_programs_read_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO_UPDATES)
    done = gankit_here(["run", "two.yaml", "--no-rehearsal", "--json"], tmp_path)

    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["event"] for line in done.stdout.splitlines()} >= {"started", "ended"}
    assert done.stderr.count("is being prepared") == 1


def test_stages_are_told_in_short() -> None:
    assert stages_in_short([Stage(4, 1), Stage(8, 1), Stage(8, 1, name="late")]) == "3 stages, 4x4 to 8x8 late"
