"""Tracebacks for whoever wrote a plugin: of what led to a failure, the steps in its own code."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

STDLIB = Path(sysconfig.get_path("stdlib"))
GANKIT = Path(__file__).parents[1]
OUTSIDE = ("site-packages", "dist-packages")
"""Folders within the standard library's whose files are not of it."""


def of_plugins(trace: TracebackType | None) -> TracebackType | None:
    """The steps of a traceback that are in other files than torch's, Python's and gankit's own; None if there are none.

    Those of gankit's packages of components are among them.
    """
    steps: list[TracebackType] = []
    while trace is not None:
        if is_of_plugin(trace.tb_frame.f_code.co_filename):
            steps.append(trace)
        trace = trace.tb_next
    kept = None
    for step in reversed(steps):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return kept


def is_of_plugin(file: str) -> bool:
    """Whether a file is none of torch's, of Python's standard library, or of gankit but for its components."""
    if file.startswith("<frozen "):
        return False
    path, torch = Path(file), getattr(sys.modules.get("torch"), "__file__", None)
    if path.is_relative_to(GANKIT) or (torch is not None and path.is_relative_to(Path(torch).parent)):
        return False
    return not path.is_relative_to(STDLIB) or path.relative_to(STDLIB).parts[0] in OUTSIDE


def in_plugins(failure: BaseException, since: TracebackType) -> str:
    """The traceback of a failure since a step, and of its causes: plugins' own steps, or if none is the last."""
    whole = traceback.TracebackException(type(failure), failure, since)
    failed: traceback.TracebackException | None = whole
    while failed is not None:
        own = [step for step in failed.stack if is_of_plugin(step.filename)]
        failed.stack = traceback.StackSummary.from_list(own or failed.stack[-1:])
        failed = failed.__cause__ or failed.__context__
    return "".join(whole.format()).rstrip()
