"""Pages as a browser draws them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
ATTEMPTS = 6

has_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


def drawn(address: str, profile: Path, what: str) -> str:
    """The document that a page has become when it shows `what`; how long a browser waits depends on its own clock."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--window-size=1400,900"]
    command = [str(CHROMIUM), *options, "--virtual-time-budget=30000", "--dump-dom", address]
    for _ in range(ATTEMPTS):
        document = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
        if what in document:
            return document
    raise AssertionError(f"{address} does not show {what}")
