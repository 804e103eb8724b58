"""The page on exporting, carried out from its first command to its last line of Python."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.hub import TOKEN, hub_on_loopback
from support.tiny import tiny

from gankit.runs.start import begin

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
RUN = "runs/small-stylegan-r1-digits"

CARRY_OUT = """
import shlex
from gankit.cli import main
for command, code in {steps}:
    if command:
        assert main(shlex.split(command)[1:]) == 0, command
    else:
        exec(code, globals())
"""


def steps() -> list[tuple[str, str]]:
    """Each command and each block of Python, in their order."""
    found = re.findall(r"^    (gankit [^\n]*)$|^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len([command for command, _ in found if command]) == 6
    assert len([code for _, code in found if code]) == 5
    return found


@pytest.mark.slow
def test_everything_on_the_page_is_so(tmp_path: Path) -> None:
    style = {"mapping": {"use": "style", "layers": 2, "width": 8}, "stem": "stylegan", "block": "stylegan"}
    network = {"rgb": "rgb", "channels": {4: 8, 8: 4}, "latent": 64, "norm": ["equalized", "adaptive-instance"]}
    begin(tiny(generator=network | style), tmp_path / RUN).train()
    with hub_on_loopback() as hub:
        own = {
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_TOKEN": TOKEN,
            "OMP_NUM_THREADS": "1",
        }
        code = CARRY_OUT.format(steps=steps())
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, **own, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert "{'cutoff': None, 'noise': 'fixed', 'truncation': 0.7} {'z': ['batch', 64]}" in done.stdout
    listed = re.findall(r"^  ([\w.]+) ", PAGE[PAGE.index("```text\ndigits/") :], re.MULTILINE)
    assert sorted(listed) == sorted(file.name for file in (tmp_path / "digits").iterdir())
    assert {shlex.split(command)[2] for command, _ in steps() if command} == {RUN, "hub:USER/NAME"}
