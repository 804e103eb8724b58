"""Runs that are tracked through a server of Aim, which may go away."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support import driven
from support.tracked import driven_run, empty_repository, entered, expected, hashes, left, noted, resumed, series_of

from gankit.core import worker
from gankit_aim.mirror import LEDGER

pytestmark = pytest.mark.slow


@contextmanager
def server(folder: Path, port: int | None = None) -> Iterator[str]:
    """The address of a server for the repository in `folder`, which is made if it is not there."""
    if not folder.exists():
        shutil.copytree(empty_repository().name, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = port or int(free.getsockname()[1])
    start = "from aim.cli.cli import cli_entry_point; cli_entry_point()"
    command = [sys.executable, "-c", start, "server", "--repo", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # it starts processes of its own, which are to end with it
    try:
        deadline = time.monotonic() + 300
        while not answers(port):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield f"aim://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        with suppress(ProcessLookupError):
            for _ in range(30):
                os.killpg(process.pid, 0)
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGKILL)  # it would go on serving those who are connected


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_run_that_goes_on_is_shown_once(tmp_path: Path) -> None:
    with server(tmp_path / "served") as address:
        before = left(tmp_path / "run", repo=address)
        run = resumed(before, repo=address)
    entered(tmp_path / "served")
    assert hashes(tmp_path / "served") == noted(run.folder)
    (run_hash,) = noted(run.folder)
    assert series_of(tmp_path / "served", run_hash) == expected(run.rows)


def test_a_server_that_goes_away_does_not_stop_a_run(tmp_path: Path) -> None:
    with server(tmp_path / "served") as address:
        command = [sys.executable, driven.__file__, str(tmp_path / "run"), "0.05", address]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 300
        while not (tmp_path / "run" / LEDGER).exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)
        assert run.poll() is None
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert re.search("observer aim/aim failed in '.*(no sign of life for 60 seconds|the connection to .* broke)", said)


def test_a_run_whose_server_went_away_and_came_back_is_shown_once_when_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(tmp_path / "served") as address:
        before = driven_run(tmp_path / "run", repo=address)
        before.train(until=500)
        monkeypatch.setattr(worker, "PATIENCE", 3.0)
    before.train(until=900)
    before.callbacks.on_close()
    first, *_, last = capsys.readouterr().err.splitlines()
    assert "observer aim/aim failed in '" in first
    assert re.search(r"no sign of life for 3 seconds|the connection to .* broke", first)
    assert re.search(r"observer aim/aim failed in [1-9]\d* of \d+ calls$", last)
    monkeypatch.undo()
    with server(tmp_path / "served", port=int(address.rpartition(":")[2])) as again:
        assert again == address
        run = resumed(before, repo=address)
        assert capsys.readouterr().err == ""
    entered(tmp_path / "served")
    (run_hash,) = noted(run.folder)
    assert hashes(tmp_path / "served") == [run_hash]
    assert series_of(tmp_path / "served", run_hash) == expected(run.rows)


def test_a_server_that_is_gone_does_not_stop_a_run(tmp_path: Path) -> None:
    with server(tmp_path / "served") as address:
        pass
    command = [sys.executable, driven.__file__, str(tmp_path / "run"), "0", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(r"gankit: observer aim/aim failed in '\w+': nothing of the run is shown: ", done.stderr)
