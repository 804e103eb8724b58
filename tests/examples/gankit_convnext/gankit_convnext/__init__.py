"""ConvNeXt's block and RMS normalization for gankit."""

from collections.abc import Callable

from gankit import Component, hookimpl

from gankit_convnext.blocks import ConvNext
from gankit_convnext.norms import RootMeanSquare


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("convnext", ConvNext)
    register("rms", RootMeanSquare)
