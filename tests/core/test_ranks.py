"""Intervals of ranks are right as often as they claim to be, with three and five seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr

from gankit.results.ranks import rank_intervals
from gankit.results.significance import holm, mean_difference

pytestmark = pytest.mark.costly

VARIANTS = 5
UNEQUAL = np.geomspace(0.2, 4, VARIANTS)
"""Standard deviations of variants of which some train less stably."""
LEADER = np.array([0.0, *[8.0] * (VARIANTS - 1)])
STUDIES: dict[str, tuple[np.ndarray, np.ndarray, float]] = {
    "all equal": (np.zeros(VARIANTS), np.ones(VARIANTS), 0),
    "equal means, unequal variances": (np.zeros(VARIANTS), UNEQUAL, 0),
    "all equal, seeds shared": (np.zeros(VARIANTS), np.ones(VARIANTS), 2),
    "one before equals": (LEADER, np.ones(VARIANTS), 0),
    "one before equals, unequal variances": (LEADER, UNEQUAL, 0),
    "equal means, one noisy": (np.zeros(VARIANTS), np.array([0.3] * (VARIANTS - 1) + [3.0]), 0),
    "5 apart": (5.0 * np.arange(VARIANTS), np.ones(VARIANTS), 0),
    "5 apart, seeds shared": (5.0 * np.arange(VARIANTS), np.ones(VARIANTS), 2),
}
"""True means, standard deviations over seeds, and that of what a seed does to all variants alike."""

Method = Callable[[Mapping[str, np.ndarray]], Mapping[str, tuple[int, int]]]


def ours(numbers: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, int]]:
    return rank_intervals({name: list(map(float, values)) for name, values in numbers.items()}, "lower")


def paired(numbers: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, int]]:
    """As ours, but each pair compared seed by seed."""
    pairs = list(combinations(numbers, 2))
    found = [mean_difference(dict(enumerate(numbers[one])), dict(enumerate(numbers[other]))) for one, other in pairs]
    low, high = dict.fromkeys(numbers, 1), dict.fromkeys(numbers, len(numbers))
    for pair, apart, p in zip(pairs, found, holm([apart.p or 0.0 for apart in found if apart]), strict=True):
        if apart is not None and p < 0.05:
            first, second = pair if apart.value < 0 else pair[::-1]
            high[first] -= 1
            low[second] += 1
    return {name: (low[name], high[name]) for name in numbers}


def pooled(numbers: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, int]]:
    """As ours, but with one variance for all variants."""
    values = np.stack(list(numbers.values()))
    count, seeds = values.shape
    error = float(np.sqrt(2 * values.var(axis=1, ddof=1).mean() / seeds))
    means, low, high = values.mean(1), np.ones(count, int), np.full(count, count)
    pairs = list(combinations(range(count), 2))
    apart = [float(means[one] - means[other]) for one, other in pairs]
    ps = [float(2 * stdtr(count * (seeds - 1), -abs(value) / error)) for value in apart]
    for pair, value, p in zip(pairs, apart, holm(ps), strict=True):
        if p < 0.05:
            first, second = pair if value < 0 else pair[::-1]
            high[first] -= 1
            low[second] += 1
    return {name: (int(low[place]), int(high[place])) for place, name in enumerate(numbers)}


def bootstrapped(numbers: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, int]]:
    """The 95% interval of ranks over 500 draws of seeds with replacement, the same seeds for all variants."""
    values = np.stack(list(numbers.values()))
    draws = np.random.default_rng(0).integers(0, values.shape[1], (500, values.shape[1]))
    ranks = values[:, draws].mean(-1).argsort(0).argsort(0) + 1
    low = np.quantile(ranks, 0.025, axis=1, method="lower")
    high = np.quantile(ranks, 0.975, axis=1, method="higher")
    return {name: (int(low[place]), int(high[place])) for place, name in enumerate(numbers)}


def measured(method: Method, kind: str, seeds: int, count: int = 200) -> tuple[float, float]:
    """The share of simulated studies in which each interval holds all places that its variant has, and mean widths."""
    means, spreads, shared = STUDIES[kind]
    truth = [(1 + (means < each).sum(), len(means) - (means > each).sum()) for each in means]  # equals share places
    draw, right, places = np.random.default_rng(0), 0, 0
    for _ in range(count):
        noise = draw.normal(size=(len(means), seeds)) * spreads[:, None] + shared * draw.normal(size=seeds)
        found = method(
            {f"{place}": middle + of_seeds for place, (middle, of_seeds) in enumerate(zip(means, noise, strict=True))}
        )
        ends = list(found.values())
        right += all(low <= best and worst <= high for (low, high), (best, worst) in zip(ends, truth, strict=True))
        places += sum(high - low + 1 for low, high in ends) / len(ends)
    return right / count, places / count


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("kind", STUDIES)
def test_all_intervals_cover_the_truth_in_nine_of_ten_studies(kind: str, seeds: int) -> None:
    covered, width = measured(ours, kind, seeds)
    assert covered >= 0.9
    assert width < VARIANTS or "equal" in kind, "what is far apart is told apart"


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_bootstrap_over_so_few_seeds_does_not(seeds: int) -> None:
    assert measured(bootstrapped, "all equal", seeds)[0] < 0.2
    assert measured(bootstrapped, "one before equals", seeds)[0] < 0.5


@pytest.mark.parametrize("seeds", [3, 5])
def test_one_variance_for_all_does_not_if_one_scatters_more(seeds: int) -> None:
    assert (
        measured(pooled, "equal means, one noisy", seeds)[0] < 0.9 < measured(ours, "equal means, one noisy", seeds)[0]
    )


def test_of_three_seeds_pairs_tell_less_unless_seeds_shift_all_alike() -> None:
    apart = ("5 apart", "5 apart, seeds shared")
    width = {(method, kind): measured(method, kind, 3, 50)[1] for method in (ours, paired) for kind in apart}
    assert width[paired, "5 apart"] > 1.4 * width[ours, "5 apart"]
    assert width[paired, "5 apart, seeds shared"] < width[ours, "5 apart, seeds shared"]


@pytest.mark.slow
def test_the_table_of_the_documentation() -> None:
    """Prints it: pytest -s tests/core/test_ranks.py -k table."""
    methods: dict[str, Method] = {"Welch": ours, "paired": paired, "bootstrap": bootstrapped}
    for kind in STUDIES:
        for seeds in (3, 5):
            found = {name: measured(method, kind, seeds, 1000) for name, method in methods.items()}
            print(kind, seeds, *(f"{name} {covered:.1%} {width:.1f}" for name, (covered, width) in found.items()))
            assert found["Welch"][0] >= 0.93


def test_what_is_known_by_hand() -> None:
    numbers = {"a": [1.0, 1.1, 1.2], "b": [1.1, 1.2, 1.0], "c": [9.0, 9.1, 9.2]}
    assert rank_intervals(numbers, "lower") == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}
    assert rank_intervals(numbers, "higher") == {"a": (2, 3), "b": (2, 3), "c": (1, 1)}
    assert list(map(str, rank_intervals(numbers, "lower").values())) == ["1–2", "1–2", "3"]
    assert rank_intervals({**numbers, "one": [0.5]}, "lower")["one"] == (1, 4), "of one seed nothing is known"
    assert rank_intervals({"alone": [1.0, 2.0]}, "lower") == {"alone": (1, 1)}
    assert rank_intervals({}, "lower") == {}


@given(
    st.dictionaries(
        st.text("abc", max_size=2),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
        max_size=4,
    )
)
def test_no_number_is_too_wild(numbers: dict[str, list[float]]) -> None:
    found = rank_intervals(numbers, "lower")
    assert found.keys() == numbers.keys()
    for low, high in found.values():
        assert 1 <= low <= high <= len(numbers)
    if numbers:
        best = min(numbers, key=lambda name: mean(numbers[name]))
        assert found[best].low == 1
