"""LSGAN (Mao et al. 2017, "Least Squares Generative Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_lsgan.losses import LeastSquares


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("least-squares", LeastSquares)
