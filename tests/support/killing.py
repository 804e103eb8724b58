"""Commands in processes of their own, forked where torch is imported already, that are struck at exact moments."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch._dynamo", "gankit.cli.run", "gankit.runs.start", "scipy.linalg", __name__])
LONGEST = 300
"""Seconds that a command may take, however busy the machine is."""


class Moment(NamedTuple):
    """When a process is struck, and by what."""

    function: str
    """The full name of a function, or of a method."""
    call: int
    """Which of its calls, counted from 1."""
    is_over: bool
    """Whether it strikes after that call, not before."""
    signal: signal.Signals = signal.SIGKILL
    is_evaluators: bool = False
    """Whether the process is struck that evaluates in the background, for which `function` is a method of its side."""

    def __str__(self) -> str:
        when, whom = "after" if self.is_over else "before", " to the evaluator" if self.is_evaluators else ""
        return f"{self.signal.name}{whom} {when} call {self.call} of {self.function.rpartition(':')[2]}"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    """Its exit code; negative: the signal that killed it."""
    said: str
    """What it printed."""


def carried_out(
    arguments: Sequence[object], folder: Path, moment: Moment | None = None, counted: Sequence[str] = ()
) -> Ended:
    """The end of a command that is carried out in `folder`, and struck if there is a moment for it.

    Of the functions that are `counted`, the calls are left in the file `calls`, a name for each.
    """
    words = list(map(str, arguments))
    process = CONTEXT.Process(target=_carry_out, args=(words, folder, moment, list(counted)))
    process.start()
    process.join(LONGEST)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{words} is not over after {LONGEST} seconds; {moment}")
    code, said = process.exitcode, (folder / "said").read_text(errors="replace")
    process.close()
    return Ended(code, said)


def calls(folder: Path) -> Counter[str]:
    """How often each function was called that was counted."""
    return Counter((folder / "calls").read_text().split())


def _carry_out(arguments: list[str], folder: Path, moment: Moment | None, counted: list[str]) -> None:
    """The process: it ends as the command does."""
    from gankit.cli import main

    said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    for number in (signal.SIGINT, signal.SIGTERM):  # as any process begins; the server of forks ignores SIGINT
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(folder)
    os.environ |= {"GANKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    for function in counted:
        _wrap(function, lambda call, is_over, _, name=function: None if is_over else _note(folder, name))
    if moment is not None:
        _wrap(moment.function, partial(_strike, moment))
    sys.exit(main(arguments))


def _note(folder: Path, name: str) -> None:
    with (folder / "calls").open("a") as file:
        print(name, file=file)


def _strike(moment: Moment, call: int, is_over: bool, arguments: Sequence[Any]) -> None:
    """Strike if the moment has come."""
    if (call, is_over) == (moment.call, moment.is_over):
        victim = arguments[0].process if moment.is_evaluators else os.getpid()
        os.kill(victim, moment.signal)


def _wrap(name: str, told: Callable[[int, bool, Sequence[Any]], None]) -> None:
    """Have `told` called before and after each call of a function: its number, whether it is over, its arguments."""
    module, _, path = name.partition(":")
    owner, function = resolve_name(f"{module}:{path.rpartition('.')[0]}"), path.rpartition(".")[2]
    original, number = getattr(owner, function), 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal number
        number += 1
        mine = number
        told(mine, False, arguments)
        result = original(*arguments, **options)
        told(mine, True, arguments)
        return result

    setattr(owner, function, wrapped)
