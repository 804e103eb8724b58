"""What the metrics of 50,000 images take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

METRICS = ["fid", "is", "kid", "mode-coverage", "precision-recall", "density-coverage"]
METRICS += ["swd", "ms-ssim", "nearest-neighbor", "distinct"]
METRICS += ["fid_infinity", "mind", "realism", "authenticity", "vendi"]


@pytest.mark.slow
def test_all_together_stay_within_two_gigabytes() -> None:
    alone = {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}  # threads wait for busy neighbours
    program = [sys.executable, "-m", "support.large", *METRICS]
    done = subprocess.run(program, env=os.environ | alone, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2 * 2**30, done.stderr
