"""The first GAN losses (Goodfellow et al. 2014, "Generative Adversarial Nets")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_gan.losses import NonSaturating, Saturating


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("non-saturating", NonSaturating)
    register("saturating", Saturating)
