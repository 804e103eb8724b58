"""Runs in Aim (https://aimstack.io): losses, metrics by resolution, pictures and every option of the experiment."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_aim.observers import Aim


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("aim", Aim)
