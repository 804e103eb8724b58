"""What a person sees of a run while it goes on, progress on the console and grids of samples; and its guard."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_observers.guard import Guard
from gankit_observers.observers import ConsoleProgress, SampleGrid


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("guard", Guard)
    register("progress", ConsoleProgress)
    register("sample-grid", SampleGrid)
