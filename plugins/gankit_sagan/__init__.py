"""Self-attention (Zhang et al. 2019, "Self-Attention Generative Adversarial Networks")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_sagan.blocks import Attention


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("attention", Attention)
