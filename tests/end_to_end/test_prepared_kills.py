"""A preparation that is killed at any moment is gone on with, and ends with the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES

KILLS = 25


def prepare(here: Path) -> subprocess.Popen[bytes]:
    """`gankit prepare`, which writes after every few images so that it can be cut anywhere."""
    program = (
        "import sys; import gankit.data.prepared as prepared, gankit.data.progress as progress; "
        "prepared.AT_A_TIME = 3 * 64 * 64 * 20; progress.SAVED = 0.0; "
        "from gankit.cli import main; sys.exit(main(['prepare', 'e.yaml']))"
    )
    environment = os.environ | {"GANKIT_CACHE": str(here / "cache")}
    return subprocess.Popen([sys.executable, "-c", program], cwd=here, env=environment, stdout=subprocess.DEVNULL)


def kept(here: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (here / "cache" / "images").glob("*/*") if file.is_file()}


@pytest.mark.slow
def test_a_killed_preparation_ends_with_the_same_bytes(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(1500):
        noise = draws.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((128, 128)).save(tmp_path / "pictures" / f"{number:04}.jpg")
    (tmp_path / "e.yaml").write_text(
        TWO_UPDATES.replace("resolution: 8", "resolution: 64") + "data: {use: folder, path: pictures}\n"
    )
    began = time.monotonic()
    assert prepare(tmp_path).wait() == 0
    whole, took = kept(tmp_path), time.monotonic() - began
    assert len(whole) >= 3
    shutil.rmtree(tmp_path / "cache")
    moments, hits = random.Random(0), 0
    while hits < KILLS:
        process = prepare(tmp_path)
        time.sleep(moments.uniform(0, 1.2 * took))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:  # it was over before
            assert kept(tmp_path) == whole
            shutil.rmtree(tmp_path / "cache")
        else:
            hits += 1
    assert prepare(tmp_path).wait() == 0
    assert kept(tmp_path) == whole
