"""SNGAN (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks").

With labels it is Miyato and Koyama 2018, "cGANs with Projection Discriminator".
"""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_sngan.blocks import Residual, ResidualRgb
from gankit_sngan.heads import SnganHead
from gankit_sngan.losses import Hinge
from gankit_sngan.norms import ConditionalBatch, Spectral
from gankit_sngan.stems import SnganStem


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("sngan", SnganStem)
    register("residual", Residual)
    register("residual-rgb", ResidualRgb)
    register("sngan", SnganHead)
    register("spectral", Spectral)
    register("conditional-batch", ConditionalBatch)
    register("hinge", Hinge)
