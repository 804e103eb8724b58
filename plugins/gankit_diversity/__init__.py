"""Layers that let a discriminator judge the variety of a batch."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_diversity.regularizers import MinibatchDiscrimination, MinibatchStddev


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("minibatch-stddev", MinibatchStddev)
    register("minibatch-discrimination", MinibatchDiscrimination)
