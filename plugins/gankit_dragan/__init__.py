"""DRAGAN (Kodali et al. 2017, "On Convergence and Stability of GANs")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_dragan.regularizers import Dragan


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("dragan", Dragan)
