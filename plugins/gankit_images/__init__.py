"""Data sets of images: scans of handwritten digits, pieces of clothing, and any folder of pictures."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_images.datasets import Digits, FashionMnist, StackedDigits
from gankit_images.folder import Folder


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("digits", Digits)
    register("fashion-mnist", FashionMnist)
    register("folder", Folder)
    register("stacked-digits", StackedDigits)
