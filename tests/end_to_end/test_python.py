"""What docs/python.md shows is what there is, in a fresh interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from PIL import Image
from support.command import QUICKSTART, SMALL, gankit_here

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
BLOCKS = [textwrap.dedent(block).strip() for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)]


def test_all_that_it_shows_works_after_a_quick_start(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text(QUICKSTART.read_text())
    assert gankit_here(["run", "quickstart.yaml", *SMALL], tmp_path).returncode == 0
    assert len(BLOCKS) == 6
    assert len([line for line in BLOCKS[0].splitlines() if line]) < 15
    small = "growth={'images': 64}, generator={'channels': 8}, discriminator={'channels': 8}, evaluation={'images': 32}"
    script = "\n".join(BLOCKS).replace('growth={"images": 64}', f"{small}, observers=[]")

    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:gankit", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (4 * 64 + 3 * 2, 4 * 64 + 3 * 2)
    assert (tmp_path / "runs" / "shorter" / "metrics.jsonl").exists()
    said = done.stdout.splitlines()
    assert float(said[0].split()[0]) > 0
    assert "no loss is called 'non-saturatin'. Did you mean 'non-saturating'?" in done.stdout
