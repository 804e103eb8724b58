"""What is said on standard error of the images of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.failures import warn
from gankit.core.text import first_of

if TYPE_CHECKING:
    import numpy as np

MOST_NAMED = 3
"""Images or folders that are named."""
LITTLE = 85
"""Levels out of 255 that images span at least unless something may be wrong; 14 bits in 16 span 64."""


def report_skipped(folder: Path, files: Sequence[Path], kept: Sequence[int]) -> None:
    """Say how many of `files` are left out, as they cannot be read, and which are the first."""
    skipped = [str(files[position]) for position in sorted(set(range(len(files))).difference(kept))]
    named = first_of(skipped, MOST_NAMED)
    warn(f"{folder}: skipped {len(skipped)} of {len(files)} images, which cannot be read: {named}")


def report_other_folders(folder: Path, images: int, others: Sequence[str]) -> None:
    """Say how many images are passed over, as the folders that they lie in are no classes."""
    warn(f"{folder}: passed over {images} images that are of no class: {first_of(others, MOST_NAMED)}")


def report_little_contrast(folder: Path, images: np.ndarray) -> None:
    """Say so if all images together are as good as black, white or grey."""
    darkest, lightest = int(images[:, :3].min()), int(images[:, :3].max())
    if lightest - darkest < LITTLE:
        warn(
            f"{folder}: all images together use the levels from {darkest} to {lightest} of 0 to 255; if their files "
            "hold more than 8 bits, `range` says which numbers are black and white"
        )
