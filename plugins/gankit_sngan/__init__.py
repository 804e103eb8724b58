"""SNGAN (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_sngan.blocks import Residual, ResidualRgb
from gankit_sngan.losses import Hinge
from gankit_sngan.norms import Spectral


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("spectral", Spectral)
    register("hinge", Hinge)
    register("residual", Residual)
    register("residual-rgb", ResidualRgb)
