"""FID (Heusel et al. 2017) and IS (Salimans et al. 2016) by torch-fidelity's formulas, and extractors for them."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_fidelity.extractors import Digits, FashionMnist, Inception
from gankit_fidelity.metrics import BlurredFrechetDistance, FrechetDistance, FullFrechetDistance, InceptionScore


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("inception", Inception)
    register("digits", Digits)
    register("fashion-mnist", FashionMnist)
    register("fid", FrechetDistance)
    register("fid_full", FullFrechetDistance)
    register("fid_blurred", BlurredFrechetDistance)
    register("is", InceptionScore)
