"""Commands carried out on what anybody may have made: watched for time, for memory and for what they print."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
import torch
from support.damaging import PATIENCE, HangError

from gankit.cli import main
from gankit.discovery.manager import plugins

LONGEST_LINE = 1000
"""Characters of a line that a person may still read."""


def secluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new current folder with little above it, which is the home too."""
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    return folder


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str
    seconds: float
    """Of processor time."""


def carried_out(arguments: Sequence[str], interrupted_after: float | None = None) -> Outcome:
    """`gankit` in this process, on streams as strict as real ones; plugins that it loads are gone afterwards.

    Args:
        arguments: Its words.
        interrupted_after: Seconds after which Ctrl-C is pressed, for what may train for ever.

    Raises:
        HangError: if it hangs.
    """
    output = TextIOWrapper(BytesIO(), "utf-8")
    errors = TextIOWrapper(BytesIO(), "utf-8", "backslashreplace")
    began = time.process_time()
    with redirect_stdout(output), redirect_stderr(errors), plugins.restored(), _watched(interrupted_after):
        try:
            code = main(arguments)
        except SystemExit as leaving:  # how argparse says that arguments are wrong
            code = leaving.code
    seconds = time.process_time() - began
    for stream in (output, errors):
        stream.seek(0)
    assert isinstance(code, int)
    return Outcome(code, output.read(), errors.read(), seconds)


@contextmanager
def _watched(interrupted_after: float | None) -> Iterator[None]:
    """Press Ctrl-C after some seconds, if at all, and raise HangError inside if it takes longer still."""

    def give_up(*_: object) -> NoReturn:
        raise HangError

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    interrupted = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    before = signal.signal(signal.SIGALRM, give_up if interrupted_after is None else interrupt)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE if interrupted_after is None else interrupted_after)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, interrupted)


@contextmanager
def bounded_memory(more: int) -> Iterator[None]:
    """Let this process have so many bytes more than it has with torch; what asks for them gets a MemoryError."""
    torch.conv2d(torch.zeros(1, 8, 8, 8), torch.zeros(8, 8, 3, 3))  # what is loaded with the first
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def check(outcome: Outcome, most_seconds: float, codes: Sequence[int] = (0, 2)) -> None:
    """Hold a command to what it promises for any file."""
    assert outcome.code in codes, outcome
    said = outcome.errors if outcome.code else outcome.output + outcome.errors
    assert said.strip() or outcome.code == 128 + signal.SIGINT, outcome
    assert "Traceback" not in outcome.errors, outcome.errors
    for line in outcome.errors.splitlines():
        assert len(line) <= LONGEST_LINE, line
        assert line.replace("\t", "").isprintable(), line
    assert outcome.seconds < most_seconds, outcome
