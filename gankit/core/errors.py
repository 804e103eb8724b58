"""What ends a command early."""

from __future__ import annotations


class UserError(Exception):
    """A message for the user about a mistake to mend; the command prints it without a traceback and exits with 2."""


class RunError(Exception):
    """Why a run cannot go on although nothing is wrong with what was asked; printed alike, with exit code 1."""


class ComponentError(RunError):
    """A component failed by its own fault; the command prints its traceback too, for whoever wrote it."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


class Interrupted(BaseException):
    """A run was asked by a signal to leave, and has; the exit code is the shell's for that signal."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.exit_code = 128 + signal


PASSED_ON = (KeyboardInterrupt, Interrupted)
"""What is raised through a plugin's code and is no failure of it; all else is, whatever it derives from."""
