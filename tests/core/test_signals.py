"""A second signal ends a run at once, whatever it is doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.alone import until

from gankit.runs.signals import SignalGuard

LONG = """
import hashlib
from gankit.runs.signals import SignalGuard

with SignalGuard():
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # a single step to Python, as one of torch's operations is
"""


@pytest.mark.costly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells which signals are still to come")
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait_for_a_long_operation(second: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-P", "-c", LONG], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        until(lambda: not is_pending(process.pid, signal.SIGTERM))  # two of a kind that wait together are one
        process.send_signal(second)
        assert process.wait(60) == 128 + second
    finally:
        process.kill()


def is_pending(process: int, number: signal.Signals) -> bool:
    """Whether a signal has been sent to a process and not yet reached it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return any(int(line.split()[1], 16) >> (number - 1) & 1 for line in lines if line.startswith(("SigPnd", "ShdPnd")))


def test_nothing_of_a_guard_runs_on_after_it() -> None:
    before = {*threading.enumerate()}
    for _ in range(100):
        with SignalGuard():
            pass
        assert not {*threading.enumerate()} - before
