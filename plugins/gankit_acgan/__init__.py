"""Auxiliary classifiers (Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs")."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_acgan.regularizers import AuxiliaryClassifier


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("auxiliary-classifier", AuxiliaryClassifier)
