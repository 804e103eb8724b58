"""What was profiled of a stage: how long iterations took, and what for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gankit.costs.attribution import Owner, Spent
from gankit.costs.phases import IterationKind


@dataclass
class KindProfile:
    """The profiled iterations in which the same lazy regularizers were due."""

    kind: IterationKind
    """Which."""
    seconds: list[float] = field(default_factory=list)
    """How long each took."""
    spent: list[Mapping[Owner, Spent]] = field(default_factory=list)
    """What for, each."""


@dataclass
class PhaseProfile:
    """What was profiled of a fade, or of the rest of a stage."""

    label: str
    """What it is called, such as "8x8 fading"."""
    kinds: Sequence[KindProfile]
    iterations: int = 0
    """Of this phase, so far."""
    others: list[float] = field(default_factory=list)
    """Seconds of the iterations that were not profiled."""

    @property
    def profiled(self) -> int:
        """Iterations that were profiled."""
        return sum(len(kind.seconds) for kind in self.kinds)

    @property
    def seconds(self) -> float:
        """Of a profiled iteration on average, each kind as often as it comes."""
        return sum(share * sum(kind.seconds) / len(kind.seconds) for share, kind in self._shares())

    def spent(self) -> dict[Owner, Spent]:
        """Seconds of an iteration by what they were for, in ns, on average as above."""
        sums: dict[Owner, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for share, kind in self._shares():
            for times in kind.spent:
                for owner, (host, device) in times.items():
                    sums[owner][0] += share * host / len(kind.spent)
                    sums[owner][1] += share * device / len(kind.spent)
        return {owner: Spent(*map(round, times)) for owner, times in sums.items()}

    def _shares(self) -> list[tuple[float, KindProfile]]:
        """The kinds that were profiled, and how often they come among these."""
        seen = [kind for kind in self.kinds if kind.seconds]
        whole = sum(kind.kind.share for kind in seen)
        return [(kind.kind.share / whole, kind) for kind in seen]
