"""Which places variants may have among each other, as far as their seeds tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from gankit.results.significance import LEVEL, holm, unpaired_difference


class RankInterval(NamedTuple):
    """The places that a variant may have."""

    low: int
    """The best of them: 1 and as many more as there are variants known to be better."""
    high: int
    """The worst of them: all variants, but those known to be worse."""

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low}–{self.high}"


def rank_intervals(
    numbers: Mapping[str, Sequence[float]], better: Literal["lower", "higher"]
) -> dict[str, RankInterval]:
    """For each variant the places that it may have; in 95% of studies all intervals are right at once.

    Each pair is compared by Welch's t-test, be its seeds the same or not, and the p values of all pairs are corrected
    together (Holm 1979); a variant's place lies behind all that are found to be better, and before all that are found
    to be worse (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for ranks"). docs/comparing.md says why so.

    Args:
        numbers: Of each variant's seeds, those that are not finite left out; at least one of each.
        better: Which numbers are.
    """
    pairs = list(combinations(numbers, 2))
    found = [unpaired_difference(numbers[one], numbers[other]) for one, other in pairs]
    ps = [p if (p := apart.p) is not None and p == p else 1.0 for apart in found]
    ahead, behind = dict.fromkeys(numbers, 0), dict.fromkeys(numbers, 0)
    for (one, other), apart, p in zip(pairs, found, holm(ps), strict=True):
        if p < 1 - LEVEL:
            first, second = (one, other) if (apart.value > 0) == (better == "higher") else (other, one)
            ahead[second] += 1
            behind[first] += 1
    return {name: RankInterval(1 + ahead[name], len(numbers) - behind[name]) for name in numbers}
