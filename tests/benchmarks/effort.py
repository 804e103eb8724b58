"""How much is measured, which is the same for all benchmarks of one call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Effort:
    """How long, how often and how large."""

    seconds: float = 8.0
    """Of each thing that is measured, in each run."""
    rounds: int = 2
    """Turns of each side in each run at the least, however long they take."""
    runs: int = 2
    """How often all is measured, in fresh processes."""
    width: int = 128
    """Channels of the networks."""
    highest: int = 64
    """Resolution above which nothing is measured."""
    few: bool = False
    """Whether one of many like things is enough."""
    folder: Path = Path()
    """A temporary folder for files."""

    def smoke(self) -> Effort:
        """Next to nothing, to see that all works."""
        return replace(self, seconds=0.0, rounds=1, runs=1, width=8, highest=16, few=True)

    def at_most(self, resolution: int) -> int:
        """A resolution that is no higher than is measured."""
        return min(resolution, self.highest)
