"""Data sets of images: scikit-learn's scans of handwritten digits, and any folder of pictures."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_images.datasets import Digits, Folder


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("digits", Digits)
    register("folder", Folder)
