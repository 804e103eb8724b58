"""What was profiled of a stage: how long iterations took, and what for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple, TypeVar

from gankit.costs.attribution import Owner, Spent
from gankit.costs.phases import IterationKind

T = TypeVar("T")


class ProfiledIteration(NamedTuple):
    """An iteration that was profiled."""

    seconds: float
    """How long it took."""
    spent: Mapping[Owner, Spent]
    """What that time went for."""


@dataclass
class KindProfile:
    """The profiled iterations in which the same lazy regularizers were due."""

    kind: IterationKind
    """Which."""
    iterations: list[ProfiledIteration] = field(default_factory=list)
    """All of them."""
    others: list[float] = field(default_factory=list)
    """Seconds of those that were not profiled."""

    @property
    def steady(self) -> Sequence[ProfiledIteration]:
        """Those that count: without the slowest third, in which a machine may have done other things, too."""
        return _steady(sorted(self.iterations, key=lambda iteration: iteration.seconds))


@dataclass
class PhaseProfile:
    """What was profiled of a fade, or of the rest of a stage."""

    label: str
    """What it is called, such as "8x8 fading"."""
    kinds: Sequence[KindProfile]
    iterations: int = 0
    """Of this phase, so far."""

    @property
    def profiled(self) -> int:
        """Iterations that were profiled."""
        return sum(len(kind.iterations) for kind in self.kinds)

    @property
    def seconds(self) -> float:
        """Of a profiled iteration on average, each kind as often as it comes."""
        return sum(share * fmean(each.seconds for each in kind.steady) for share, kind in self._shares())

    @property
    def seconds_unprofiled(self) -> float | None:
        """Of one that was not, by the same rule; None if a kind that was profiled came in no other iteration."""
        shares = self._shares()
        if not shares or not all(kind.others for _, kind in shares):
            return None
        return sum(share * fmean(_steady(sorted(kind.others))) for share, kind in shares)

    def spent(self) -> dict[Owner, Spent]:
        """Seconds of an iteration by what they were for, in ns, on average as above."""
        sums: dict[Owner, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for share, kind in self._shares():
            for iteration in kind.steady:
                for owner, (host, device) in iteration.spent.items():
                    sums[owner][0] += share * host / len(kind.steady)
                    sums[owner][1] += share * device / len(kind.steady)
        return {owner: Spent(*map(round, times)) for owner, times in sums.items()}

    def _shares(self) -> list[tuple[float, KindProfile]]:
        """The kinds that were profiled, and how often they come among these."""
        seen = [kind for kind in self.kinds if kind.iterations]
        whole = sum(kind.kind.share for kind in seen)
        return [(kind.kind.share / whole, kind) for kind in seen]


def _steady(by_time: Sequence[T]) -> Sequence[T]:
    """All but the slowest third."""
    return by_time[: -(len(by_time) // 3) or None]
