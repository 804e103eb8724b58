"""Virtual environments that have nothing installed, and see what is installed in this one."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path


class Environment:
    """One in a folder; pip installs into it what lies on this machine, and asks for nothing else."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True, with_pip=True)
        self.commands = folder / "venv" / "bin"
        self.site = next((folder / "venv" / "lib").glob("python*/site-packages"))
        here = next(Path(path) for path in sys.path if (Path(path) / "torch").is_dir())
        (self.site / "here.pth").write_text(f"import site; site.addsitedir({str(here)!r})\n")  # and its editable ones
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        self.variables = own | {
            "PATH": os.pathsep.join([str(self.commands), str(Path(sys.executable).parent), own.get("PATH", "")]),
            "GANKIT_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # which means that it is off
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        for command in ("gankit", "pytest"):  # those of this environment would run in it
            module = self.commands / command
            module.write_text(f'#!/bin/sh\nexec "{self.commands}/python" -m {command} "$@"\n')
            module.chmod(0o755)

    def run(self, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Carry out a line of bash in `folder`; what it prints is in `stdout`."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
