"""Ways in which a file of a folder is damaged, and commands that meet such a folder."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from support.command import gankit_here

MOST_SECONDS = 10.0
"""Seconds of processor time that a command may take for a folder of a few kilobytes."""
PATIENCE = 60
"""Seconds by the clock after which a command hangs; long, for where other work slows the processor."""
OWN = (".lock", ".holder.json")
"""What a command that opens a run for writing leaves there, and nobody misses."""


class HangError(BaseException):
    """A command took too long; no Exception, which the command might take for a failure that it can do without."""


def _changed_digit(content: bytes, draw: random.Random) -> bytes:
    """Another digit in place of one, or, where there is none, another bit of a byte."""
    digits = [place for place, byte in enumerate(content) if byte in b"0123456789"]
    if not digits:
        return _flipped(content, draw)
    place = draw.choice(digits)
    digit = draw.choice([other for other in b"0123456789" if other != content[place]])
    return content[:place] + bytes([digit]) + content[place + 1 :]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    if not content:
        return b"\x01"
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]


CONTENTS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut off": lambda content, draw: content[: draw.randrange(max(1, len(content)))],
    "empty": lambda content, draw: b"",
    "a bit flipped": _flipped,
    "a digit changed": _changed_digit,
    "deep lists": lambda content, draw: b"[" * 20_000 + b"]" * 20_000,
    "deep mappings": lambda content, draw: b'{"a": ' * 5_000 + b"1" + b"}" * 5_000,
    "random bytes": lambda content, draw: draw.randbytes(200),
    "another form": lambda content, draw: b'{"images": "many", "event": 7, "name": [1], "value": {}}\n',
    "another encoding": lambda content, draw: content.decode("latin-1").encode("utf-16"),
}
"""What a damaged file holds, by what it held."""


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "something").touch()


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "removed": lambda path: None,
    "a folder": _folder,
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}
"""What stands in place of the file."""
ANOTHERS = "another run's"
DAMAGES = (*CONTENTS, *REPLACEMENTS, ANOTHERS)


def damage(path: Path, how: str, other: Path) -> bool:
    """Damage the file at `path` in the way `how`; `other` is the same file of another run.

    Returns:
        Whether it is another one now.
    """
    before = path.read_bytes()
    path.unlink()
    if how in REPLACEMENTS:
        REPLACEMENTS[how](path)
        return True
    content = other.read_bytes() if how == ANOTHERS else CONTENTS[how](before, random.Random(f"{path.name} {how}"))
    path.write_bytes(content)
    return content != before


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """All that is in a folder, but for what nobody misses."""
    there: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            there[name] = f"link to {path.readlink()}"
        elif path.is_file() and path.name not in OWN:
            there[name] = path.read_bytes()
        elif not path.is_file():
            there[name] = "a folder" if path.is_dir() else "a pipe"
    return there


@contextmanager
def soon(seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Give up what takes more processor time, or waits until patience is at its end.

    Raises:
        HangError: then.
    """

    def give_up(number: int, frame: FrameType | None) -> None:
        raise HangError(f"given up by {signal.Signals(number).name} at {frame}")

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, PATIENCE))
    before = [signal.signal(number, give_up) for _, number, _ in timers]
    for timer, _, limit in timers:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def met(arguments: Sequence[object], folder: Path) -> int:
    """The exit code of a command that meets a damaged folder, which it must end with, soon and with a word."""
    with soon():
        done = gankit_here(arguments, folder)
    said = done.stdout + done.stderr
    assert done.returncode in (0, 1, 2), said
    assert "Traceback" not in said, said
    assert done.returncode == 0 or done.stderr.strip(), "no reason is given"
    assert all(line.replace("\t", "").isprintable() for line in done.stderr.splitlines()), done.stderr
    return done.returncode


def copied(folder: Path, to: Path) -> Path:
    """A copy to be damaged, in place of one that is there."""
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(folder, to, symlinks=True)
