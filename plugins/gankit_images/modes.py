"""Where the modes of a mixture lie in an image."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

UNITS = 4096
"""Of which an image is as high and as wide."""
RADIUS = 0.3
"""Of the ring, as a share of the width."""
MARGIN = 0.2
"""Around the grid, the same."""

Layout: TypeAlias = Literal["ring", "grid"]
"""How modes are laid out."""
Place: TypeAlias = tuple[int, int]
"""Column and row in UNITS, from the upper left."""


def places_of_modes(layout: Layout, modes: int) -> list[Place]:
    """Where each of the modes lies: along a ring from its right-hand side on, or row by row in a square."""
    if layout == "ring":
        turns = [2 * math.pi * mode / modes for mode in range(modes)]
        return [(_unit(0.5 + RADIUS * math.cos(turn)), _unit(0.5 + RADIUS * math.sin(turn))) for turn in turns]
    side = math.isqrt(modes)
    along = [_unit(MARGIN + (1 - 2 * MARGIN) * step / (side - 1)) if side > 1 else UNITS // 2 for step in range(side)]
    return [(x, y) for y in along for x in along]


def _unit(share: float) -> int:
    """The nearest unit; what is half-way but for the last bits of a cosine is on all machines the same."""
    return math.floor(round(share * UNITS, 6) + 0.5)
