"""Whether a generator repeats: the images that it learned from, or itself."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_memorization.metrics import Distinct, NearestNeighbor


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("nearest-neighbor", NearestNeighbor)
    register("distinct", Distinct)
