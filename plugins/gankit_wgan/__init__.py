"""Wasserstein GANs, clipped (Arjovsky et al. 2017) or penalized (Gulrajani et al. 2017); drift (Karras et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_wgan.losses import Wasserstein
from gankit_wgan.regularizers import Drift, GradientPenalty, WeightClipping


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("wgan", Wasserstein)
    register("gradient-penalty", GradientPenalty)
    register("drift", Drift)
    register("weight-clipping", WeightClipping)
