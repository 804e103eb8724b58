"""What ends a command early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gankit.core.component import Component


class Suggestion(str):
    """A sentence that suggests a name, which programs are told by itself; empty if none is near."""

    name: str | None = None

    @classmethod
    def of(cls, name: str | None, form: str = " Did you mean {!r}?") -> Suggestion:
        """The sentence of this form that suggests `name`."""
        said = cls("" if name is None else form.format(name))
        said.name = name
        return said


class UserError(Exception):
    """A message for the user about a mistake to mend; the command prints it without a traceback and exits with 2."""

    def __init__(self, message: str = "", hint: str = "") -> None:
        """Say what is wrong; a `hint` that is a `Suggestion` stands in the message too, and programs are told it."""
        super().__init__(message)
        self.hint = getattr(hint, "name", None)


class RunError(Exception):
    """Why a run cannot go on although nothing is wrong with what was asked; printed alike, with exit code 1."""


class ComponentError(RunError):
    """A component failed by its own fault; the command prints its traceback too, for whoever wrote it."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


class ContractError(Exception):
    """A component gives other than its kind promises; the message goes on after its name: gives [2, 65], ..."""

    component: Component | None = None
    """It, if whoever looked has said."""


@contextmanager
def blaming(component: Component) -> Iterator[None]:
    """Have what is raised here of a contract that is broken name `component`, unless it names another already."""
    try:
        yield
    except ContractError as broken:
        broken.component = broken.component or component
        raise


class Interrupted(BaseException):
    """A run was asked by a signal to leave, and has; the exit code is the shell's for that signal."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.exit_code = 128 + signal


PASSED_ON = (KeyboardInterrupt, Interrupted)
"""What is raised through a plugin's code and is no failure of it; all else is, whatever it derives from."""
