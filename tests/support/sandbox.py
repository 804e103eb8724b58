"""`gankit` where disks can be mounted that are small or read-only, without rights that a user lacks.

Run as a script this is the process that has such mounts; torch and Aim are imported there once, and each command runs
in a fork of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, Self

from gankit.discovery.manager import plugins

COMMAND = ["unshare", "--map-root-user", "--mount"]
IMPORTED = (
    "torch._dynamo",
    "rich.console",
    "gankit.cli.run",
    "gankit.runs.start",
)
PATIENCE = 150.0
"""Seconds after which a command counts as hanging."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    said: str
    """On standard error."""


def missing() -> str:
    """Why there can be no sandbox here; empty if there can."""
    try:
        done = subprocess.run([*COMMAND, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    except OSError as problem:
        return f"there is no {problem.filename} here"
    return f"mount namespaces are off: {done.stderr.strip()}" if done.returncode else ""


class Sandbox:
    """A process with mounts of its own, which are gone when it ends."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"GANKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        command = [*COMMAND, sys.executable, __file__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def gankit(self, *arguments: object) -> Done:
        """Carry out a command of gankit."""
        return Done(**self._ask({"gankit": [str(argument) for argument in arguments]}))

    def mount(self, folder: Path, size: str) -> None:
        """Put an empty disk of `size` at `folder`, or give the one that is there another size."""
        self.shell("mkdir", "--parents", folder)
        mounted = self._ask({"shell": ["mountpoint", "--quiet", str(folder)]})["code"] == 0
        options = f"remount,size={size}" if mounted else f"size={size}"
        self.shell("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)

    def protect(self, folder: Path) -> None:
        """Let nobody write to `folder`."""
        self.shell("mount", "--bind", folder, folder)
        self.shell("mount", "-o", "remount,bind,ro", folder)

    def copied(self, folder: Path, to: Path) -> Path:
        """What is in `folder`, copied to where the test can see it."""
        self.shell("cp", "--recursive", folder, to)
        return to

    def shell(self, *command: object) -> None:
        """Carry out another command, which must succeed."""
        done = self._ask({"shell": [str(part) for part in command]})
        assert done["code"] == 0, done["said"]

    def _ask(self, request: dict[str, list[str]]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Carry out what is asked for, one line of JSON each."""
    for name in IMPORTED:
        import_module(name)
    plugins.load_installed()
    for line in sys.stdin:
        ((kind, command),) = json.loads(line).items()
        with TemporaryFile("w+") as out, TemporaryFile("w+") as said:
            process = os.fork()
            if not process:
                os.dup2(out.fileno(), 1)
                os.dup2(said.fileno(), 2)
                if kind == "shell":
                    os.execvp(command[0], command)
                from gankit.cli import main

                sys.argv = ["gankit", *command]
                sys.exit(main())
            code = _ended(process)
            out.seek(0)
            said.seek(0)
            print(json.dumps({"code": code, "out": out.read(), "said": said.read()}), flush=True)


def _ended(process: int) -> int:
    """The exit code of a process, which is killed if it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, 9)
            deadline = float("inf")
        time.sleep(0.01)


if __name__ == "__main__":
    serve()
