"""A plugin: a data set whose classes have names that lead elsewhere, two harmless ones among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gankit import Dataset, LabelledImages, hookimpl

NAMES = ["cat", "../../up", ".hidden", "a/b", "dog"]


class Shades(Dataset):
    """Noise around another grey in each class."""

    def image_channels(self) -> int:
        """One, grey."""
        return 1

    def class_count(self) -> int:
        """As many as there are names."""
        return len(NAMES)

    def class_names(self) -> list[str]:
        """Those."""
        return NAMES

    def load(self, resolution: int) -> LabelledImages:
        """Sixty images."""
        import numpy as np

        labels = np.arange(60) % len(NAMES)
        noise = np.random.default_rng(0).integers(0, 80, (60, 1, resolution, resolution))
        return LabelledImages((noise + 40 * labels[:, None, None, None]).astype(np.uint8), labels)


@hookimpl
def gankit_register(register: Callable[[str, Any], None]) -> None:
    """Register it."""
    register("shades", Shades)
