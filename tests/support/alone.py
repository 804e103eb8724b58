"""A network with nothing but loopback, for servers that listen on every interface whatever they are told."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import pytest

BEGIN = "ip link set lo up && ip address add 192.0.2.1/32 dev lo && echo up && exec sleep infinity"
"""Programs that ask for addresses such as this host has (AI_ADDRCONFIG) get none if it has but loopback's."""


class Alone:
    """Begins processes in a network of their own, and ends them by their ids, the last first."""

    def __init__(self, inside: Sequence[str], environment: Mapping[str, str]) -> None:
        self._inside = inside
        self._begun: list[subprocess.Popen[str]] = []
        self.environment = {**os.environ, **environment}

    def begin(self, command: Sequence[object], output: Path, folder: Path) -> subprocess.Popen[str]:
        """Begin a process in a session of its own, what it prints appended to a file."""
        with output.open("a") as file:
            process = subprocess.Popen(
                [*self._inside, *map(str, command)],
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self._begun.append(process)
        return process

    def ask(self, command: Sequence[object]) -> str:
        """What a command prints that ends by itself."""
        ended = subprocess.run(
            [*self._inside, *map(str, command)], env=self.environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def end(self) -> None:
        """End what was begun and is not yet over."""
        for process in reversed(self._begun):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def alone(environment: Mapping[str, str]) -> Iterator[Alone]:
    """Processes in a network of their own; the test is skipped where there is no making one."""
    if which("unshare") is None or which("nsenter") is None or which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root, unshare, nsenter and ip for a network of its own")
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", BEGIN], stdout=subprocess.PIPE, text=True)
    try:
        if holder.stdout is None or holder.stdout.readline() != "up\n":
            pytest.skip("may not make a network of its own")
        processes = Alone(["nsenter", f"--net=/proc/{holder.pid}/ns/net"], environment)
        try:
            yield processes
        finally:
            processes.end()
            for process in inhabitants(holder.pid):
                kill(process)
    finally:
        holder.kill()
        holder.wait()


def inhabitants(holder: int) -> list[int]:
    """The ids of all processes in the network of `holder` but its own."""
    network = Path(f"/proc/{holder}/ns/net").readlink()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (folder / "ns" / "net").readlink() == network:
                found.append(int(folder.name))
    return [process for process in found if process != holder]


def until(happened: Callable[[], object], seconds: float = 300, what: Callable[[], str] = str) -> None:
    """Wait until something has happened.

    Args:
        happened: Whether it has.
        seconds: After which it is an error that it has not.
        what: What is known then.
    """
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, what()
        time.sleep(0.05)


def children(process: int) -> dict[int, str]:
    """The ids of a process's descendants, with their command lines."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = (parent, line)
    found = {process: ""}
    while more := {id: line for id, (parent, line) in parents.items() if parent in found and id not in found}:
        found |= more
    return {id: line for id, line in found.items() if id != process}


def is_there(process: int) -> bool:
    """Whether a process is there and is no mere entry of one that has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, number)
