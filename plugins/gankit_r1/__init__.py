"""R1 and R2 (Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_r1.regularizers import R1, R2


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("r1", R1)
    register("r2", R2)
