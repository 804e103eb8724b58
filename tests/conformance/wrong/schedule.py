"""Schedules that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

from gankit import Component, Progress, Schedule, hookimpl


class Drawn(Schedule):
    """Draws its number."""

    def value(self, progress: Progress) -> float:
        """Another one every time."""
        return random.random()


class Inverse(Schedule):
    """One over the images."""

    def value(self, progress: Progress) -> float:
        """Beyond all bounds at the beginning."""
        return 1 / progress.images if progress.images else float("inf")


class Falling(Schedule):
    """Falls at each call."""

    calls: ClassVar[list[int]] = []

    def value(self, progress: Progress) -> float:
        """One over the number of calls."""
        self.calls.append(progress.images)
        return 1 / len(self.calls)


class Worded(Schedule):
    """Says its number."""

    def value(self, progress: Progress) -> float:
        """As text."""
        return str(progress.images)  # pyright: ignore[reportReturnType]


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("moves-by-the-clock-alone", Drawn)
    register("moves-by-the-clock-alone.2", Inverse)
    register("moves-by-the-clock-alone.3", Falling)
    register("moves-by-the-clock-alone.4", Worded)
