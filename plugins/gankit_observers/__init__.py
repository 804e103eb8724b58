"""What a person sees of a run while it goes on: progress on the console, grids of samples."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_observers.observers import ConsoleProgress, SampleGrid


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("progress", ConsoleProgress)
    register("sample-grid", SampleGrid)
