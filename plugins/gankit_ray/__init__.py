"""Runs of a study on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_ray.launchers import Ray


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("ray", Ray)
