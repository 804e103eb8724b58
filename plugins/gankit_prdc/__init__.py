"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020): quality and variety.

All count images among the nearest neighbours of others in the space of features.
"""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_prdc.metrics import DensityCoverage, PrecisionRecall


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("precision-recall", PrecisionRecall)
    register("density-coverage", DensityCoverage)
