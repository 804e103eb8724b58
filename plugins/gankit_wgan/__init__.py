"""Wasserstein GAN (Arjovsky et al. 2017), gradient penalty (Gulrajani et al. 2017) and drift (Karras et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_wgan.losses import Wasserstein
from gankit_wgan.regularizers import Drift, GradientPenalty


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("wgan", Wasserstein)
    register("gradient-penalty", GradientPenalty)
    register("drift", Drift)
