"""PGGAN (Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation").

Its gradient penalty and drift are in gankit_wgan, its minibatch stddev in gankit_diversity and its growth in
gankit_basics.
"""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_pggan.blocks import Conv, Rgb
from gankit_pggan.heads import PgganHead
from gankit_pggan.mappings import Normalized
from gankit_pggan.metrics import MultiScaleSimilarity, SlicedWasserstein
from gankit_pggan.norms import Equalized, Pixel
from gankit_pggan.stems import PgganStem


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("normalized", Normalized)
    register("pggan", PgganStem)
    register("conv", Conv)
    register("rgb", Rgb)
    register("pggan", PgganHead)
    register("pixel", Pixel)
    register("equalized", Equalized)
    register("swd", SlicedWasserstein)
    register("ms-ssim", MultiScaleSimilarity)
