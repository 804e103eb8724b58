"""What is said of a few seeds: equal to scipy's, and right as often as it claims to be."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from gankit.results.significance import Method, Verdict, holm, mean_difference, summarize, verdict

pytestmark = pytest.mark.costly

SLEEP = {
    1: [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    2: [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
}
"""Hours of sleep gained by two drugs, the data of Student 1908."""


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def by_seed(values: object, first: int = 0) -> dict[int, float]:
    return dict(enumerate(map(float, np.asarray(values)), start=first))


def validated(one: dict[int, float], other: dict[int, float]) -> Verdict:
    found = mean_difference(one, other)
    return verdict(found, "lower", found and found.p)


def studies(n: int, shift: float, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of variants that differ by so many standard deviations of one of them."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        yield draw.normal(shift, 1, n), draw.normal(0, 1, n)


def share_found(n: int, shift: float, is_paired: bool, count: int) -> float:
    """Of studies in which a worse variant is called worse, or one of two equal ones better or worse."""
    first = 0 if is_paired else n
    verdicts = [validated(by_seed(one, first), by_seed(other)) for one, other in studies(n, shift, count)]
    wanted = {Verdict.WORSE} if shift else {Verdict.WORSE, Verdict.BETTER}
    return sum(found in wanted for found in verdicts) / count


def test_the_textbook_values_of_student() -> None:
    paired = mean_difference(by_seed(SLEEP[2]), by_seed(SLEEP[1]))
    assert paired is not None
    assert paired.method is Method.PAIRED
    assert paired.value == pytest.approx(1.58)
    assert paired.value / paired.error == pytest.approx(4.0621, abs=1e-4)
    assert paired.p == pytest.approx(0.002833, abs=1e-6)
    assert paired.interval == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    welch = mean_difference(by_seed(SLEEP[2], first=10), by_seed(SLEEP[1]))
    assert welch is not None
    assert welch.method is Method.WELCH
    assert welch.freedom == pytest.approx(17.776, abs=1e-3)
    assert welch.p == pytest.approx(0.07939, abs=1e-5)
    assert welch.interval == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)


values = st.lists(st.floats(0.01, 1000), min_size=2, max_size=8).filter(lambda some: np.std(some) > 1e-6)


@given(values, values)
def test_everything_equals_scipy(one: list[float], other: list[float]) -> None:
    summary = summarize(one)
    interval = stats.t.interval(0.95, len(one) - 1, np.mean(one), stats.sem(one))
    assert (summary.mean, summary.std) == pytest.approx((np.mean(one), np.std(one, ddof=1)))
    assert summary.interval == pytest.approx(tuple(interval))
    found = mean_difference(by_seed(one), by_seed(other, first=len(one)))
    expected: Any = stats.ttest_ind(one, other, equal_var=False)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)
    length = min(len(one), len(other))
    apart = np.subtract(one[:length], other[:length])
    if np.std(apart) > 1e-6:
        found = mean_difference(by_seed(one[:length]), by_seed(other[:length]))
        expected = stats.ttest_rel(one[:length], other[:length])
        assert found is not None
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
        assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)


def test_seeds_that_are_only_partly_the_same_are_not_paired() -> None:
    found = mean_difference({0: 1.0, 1: 2.0, 2: 4.0}, {0: 1.0, 1: 2.5})
    assert found is not None
    assert found.method is Method.WELCH
    order = mean_difference({1: 2.0, 0: 1.0}, {0: 1.5, 1: 2.2})
    assert order is not None
    assert (order.method, order.value) == (Method.PAIRED, pytest.approx(-0.35))


def test_a_single_seed_has_a_mean_and_nothing_else() -> None:
    assert summarize([2.5]) == (1, 1, 2.5, None, None)
    found = mean_difference({0: 2.5}, {0: 1.0, 1: 1.1})
    assert found is not None
    assert (found.value, found.interval, found.p, found.detectable) == (pytest.approx(1.45), None, None, None)
    assert verdict(found, "lower", found.p) is Verdict.ONE_SEED


def test_numbers_that_are_none_are_counted_and_left_out() -> None:
    assert summarize([1.0, math.nan, 3.0, math.inf])[:3] == (4, 2, 2.0)
    assert summarize([math.nan]) == (1, 0, None, None, None)
    found = mean_difference({0: 1.0, 1: 2.0, 2: math.nan}, {0: 1.0, 1: 3.0, 2: 9.0})
    assert found is not None
    assert (found.method, found.value) == (Method.WELCH, pytest.approx(1.5 - 13 / 3))
    assert mean_difference({0: math.nan}, {0: 1.0, 1: 3.0}) is None
    assert verdict(None, "lower", None) is Verdict.NO_NUMBER


@pytest.mark.parametrize("first", [0, 3])
def test_numbers_without_any_spread(first: int) -> None:
    same = mean_difference(by_seed([0.1, 0.1, 0.1], first), by_seed([0.1, 0.1, 0.1]))
    assert same is not None
    assert (same.value, same.p, same.interval, same.detectable) == (0, 1, (0, 0), None)
    assert verdict(same, "lower", same.p) is Verdict.NOT_DISTINGUISHABLE
    apart = mean_difference(by_seed([10, 10, 10], first), by_seed([9, 9, 9]))
    assert apart is not None
    assert (apart.value, apart.p, apart.interval) == (1, 0, (1, 1))
    assert [verdict(apart, better, apart.p) for better in ("lower", "higher")] == [Verdict.WORSE, Verdict.BETTER]


def test_rounding_is_no_spread() -> None:
    found = mean_difference({0: 0.3, 1: 0.4, 2: 0.9}, {0: 0.2, 1: 0.3, 2: 0.8})
    assert found is not None
    assert (found.error, found.p) == (0, 0)


@given(st.lists(st.floats(), min_size=1, max_size=5), st.lists(st.floats(), min_size=1, max_size=5))
@example([1.7976931348623157e308, 0.0], [-1e292, 0.0])
def test_no_number_is_too_wild(one: list[float], other: list[float]) -> None:
    summarize(one)
    for first in (0, 5):
        found = mean_difference(by_seed(one, first), by_seed(other))
        if found is not None and found.p is not None and math.isfinite(found.value):
            assert 0 <= found.p <= 1
            assert (found.detectable or 0) >= 0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("n", [3, 5])
def test_equal_variants_are_called_indistinguishable(n: int, is_paired: bool) -> None:
    assert share_found(n, 0.0, is_paired, 200) <= 0.10


@pytest.mark.parametrize("is_paired", [True, False])
def test_three_standard_deviations_are_found_with_five_seeds(is_paired: bool) -> None:
    assert share_found(5, 3.0, is_paired, 400) >= 0.80


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_what_is_detectable_is_found_in_four_of_five_studies(n: int, is_paired: bool) -> None:
    spread = np.array([-1.0, *[0.0] * (n - 2), 1.0])
    spread /= np.std(spread, ddof=1)  # the paired variant has all the spread, and sqrt(2) of it
    ours, theirs = (spread * math.sqrt(2), 0 * spread) if is_paired else (spread, spread)
    model = mean_difference(by_seed(ours, 0 if is_paired else n), by_seed(theirs))
    assert model is not None
    assert model.detectable is not None
    assert share_found(n, model.detectable, is_paired, 1000) == pytest.approx(0.8, abs=0.05)


def test_holm_errs_in_one_of_twenty_studies_of_many_variants() -> None:
    draw, erred, erred_without = np.random.default_rng(0), 0, 0
    for _ in range(600):
        baseline, *others = draw.normal(0, 1, (8, 5))
        found = [mean_difference(by_seed(other), by_seed(baseline)) for other in others]
        ps = [one.p for one in found if one is not None and one.p is not None]
        erred += min(holm(ps)) < 0.05
        erred_without += min(ps) < 0.05
    assert erred / 600 <= 0.065
    assert erred_without / 600 >= 0.12
