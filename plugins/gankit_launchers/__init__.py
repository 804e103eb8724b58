"""Where the runs of a study are carried out on one machine: one after the other, or several at once."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_launchers.launchers import Processes, Sequential


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("sequential", Sequential)
    register("processes", Processes)
