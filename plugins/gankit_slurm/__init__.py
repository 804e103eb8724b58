"""Runs of a study as jobs of Slurm, submitted with submitit."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_slurm.launchers import Slurm


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("slurm", Slurm)
