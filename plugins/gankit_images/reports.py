"""What is said on standard error of the images of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gankit.core.failures import warn
from gankit.core.text import first_of

MOST_NAMED = 3
"""Images or folders that are named."""
LITTLE = 85
"""Levels out of 255 that images span at least unless something may be wrong; 14 bits in 16 span 64."""


def report_skipped(folder: Path, count: int, skipped: Sequence[str]) -> None:
    """Say how many of `count` images are left out, as they cannot be read, and which are the first."""
    named = first_of(skipped, MOST_NAMED)
    warn(f"{folder}: skipped {len(skipped)} of {count} images, which cannot be read: {named}")


def report_other_folders(folder: Path, images: int, others: Sequence[str]) -> None:
    """Say how many images are passed over, as they are of none of the classes that are wanted."""
    warn(f"{folder}: passed over {images} images of other classes: {first_of(others, MOST_NAMED)}")


def report_little_contrast(folder: Path, darkest: int, lightest: int) -> None:
    """Say so if all images together, of these extreme levels, are as good as black, white or grey."""
    if lightest - darkest < LITTLE:
        warn(
            f"{folder}: all images together use the levels from {darkest} to {lightest} of 0 to 255; if their files "
            "hold more than 8 bits, `range` says which numbers are black and white"
        )
