"""What a few seeds tell of a number: its mean, how sure that is, and whether one variant's differs from another's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import mean, stdev
from typing import Any, Literal, NamedTuple

LEVEL = 0.95
"""Of all intervals and verdicts."""
POWER = 0.8
"""The share of studies in which a detectable difference would be found."""
NEGLIGIBLE = 1e-12
"""A spread below this share of the numbers themselves is rounding, and counts as none."""

Interval = tuple[float, float]


class Verdict(StrEnum):
    """What can be said of a variant against the baseline."""

    BETTER = "better"
    WORSE = "worse"
    NOT_DISTINGUISHABLE = "not distinguishable"
    ONE_SEED = "one seed: no verdict"
    NO_NUMBER = "no number: no verdict"


class Method(StrEnum):
    """How two variants are compared."""

    PAIRED = "paired"
    """Student's t-test of the differences seed by seed."""
    WELCH = "Welch"
    """Welch's t-test, for two sets of seeds of unequal variances."""


class Summary(NamedTuple):
    """One variant's number over its seeds."""

    given: int
    """Seeds that were measured."""
    n: int
    """Those of them that gave a finite number; all else here is of these."""
    mean: float | None
    """None without a number."""
    std: float | None
    """Sample standard deviation, with n - 1 in the denominator; None for fewer than two numbers."""
    interval: Interval | None
    """The mean's 95% interval by Student's t; None for fewer than two numbers."""


@dataclass(frozen=True)
class Difference:
    """A variant's mean less the baseline's."""

    value: float
    method: Method | None = None
    """None if there are too few seeds for any."""
    errors: tuple[float, ...] = ()
    """Standard errors: of the paired differences' mean, or of both means; 0 where there is no spread."""
    freedoms: tuple[int, ...] = ()
    """Degrees of freedom of each of `errors`."""

    @property
    def error(self) -> float:
        """Standard error of `value`."""
        return math.hypot(*self.errors)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `error`, those of two means by Welch 1947, equation 28."""
        shares = [(part / self.error) ** 2 for part in self.errors]
        return 1 / sum(share**2 / freedom for share, freedom in zip(shares, self.freedoms, strict=True))

    @property
    def interval(self) -> Interval | None:
        """The 95% interval; None if there are too few seeds."""
        if self.method is None:
            return None
        return _around(self.value, self.error, self.freedom) if self.error else (self.value, self.value)

    @property
    def p(self) -> float | None:
        """The two-sided p value of there being no difference; None if there are too few seeds."""
        if self.method is None:
            return None
        if self.error == 0:
            return float(self.value == 0)
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    @property
    def detectable(self) -> float | None:
        """The smallest true difference that 80% of such studies would find at the 95% level, were this the true spread.

        Finding the wrong sign does not count. None if there are too few seeds, or no spread, as between variants that
        are the same up to here.
        """
        return _reach(self.errors, self.freedoms) if self.method is not None and self.error else None


def summarize(values: Iterable[float]) -> Summary:
    """Mean, standard deviation and interval of those `values` that are finite; the others are counted."""
    values = list(values)
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Summary(len(values), 0, None, None, None)
    if len(finite) == 1:
        return Summary(len(values), 1, finite[0], None, None)
    middle, std, n = mean(finite), _spread(finite), len(finite)
    return Summary(len(values), n, middle, std, _around(middle, std / math.sqrt(n), n - 1))


def mean_difference(variant: Mapping[int, float], baseline: Mapping[int, float]) -> Difference | None:
    """How far a variant is from a baseline, given a number by seed of either.

    Where both have numbers for the same two or more seeds they are compared seed by seed; otherwise, also where only
    some seeds are the same, by Welch's test on all numbers. Numbers that are not finite are left out.

    Returns:
        None if either has no number; without an interval if either has just one.
    """
    ours, theirs = (_finite(values) for values in (variant, baseline))
    if not ours or not theirs:
        return None
    value = mean(ours.values()) - mean(theirs.values())
    apart = [ours[seed] - theirs[seed] for seed in ours] if ours.keys() == theirs.keys() else []
    if len(apart) < 2 or not all(map(math.isfinite, apart)):  # two floats may be too far from each other for a third
        return unpaired_difference([*ours.values()], [*theirs.values()])
    error = _spread(apart, max(map(abs, [*ours.values(), *theirs.values()]))) / math.sqrt(len(apart))
    return Difference(value, Method.PAIRED, (error,), (len(apart) - 1,))


def unpaired_difference(variant: Sequence[float], baseline: Sequence[float]) -> Difference:
    """The difference of means by Welch's test, whatever the seeds; finite numbers, at least one of either."""
    value = mean(variant) - mean(baseline)
    if len(variant) < 2 or len(baseline) < 2:
        return Difference(value)
    largest = max(map(abs, [*variant, *baseline]))
    one, other = (_spread(each, largest) / math.sqrt(len(each)) for each in (variant, baseline))
    return Difference(value, Method.WELCH, (one, other), (len(variant) - 1, len(baseline) - 1))


def verdict(found: Difference | None, better: Literal["lower", "higher"], p: float | None) -> Verdict:
    """What a difference means, if there is one; its p value is corrected for other comparisons if it should be."""
    if found is None:
        return Verdict.NO_NUMBER
    if p is None:
        return Verdict.ONE_SEED
    if p >= 1 - LEVEL:
        return Verdict.NOT_DISTINGUISHABLE
    return Verdict.BETTER if (found.value > 0) == (better == "higher") else Verdict.WORSE


def holm(ps: Sequence[float]) -> list[float]:
    """P values of several comparisons, corrected so that all of them together err in 5% of studies (Holm 1979).

    The k-th smallest of m is multiplied by m - k + 1, and none becomes smaller than one before it.
    """
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, position in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[position]))
        corrected[position] = highest
    return corrected


def _finite(values: Mapping[int, float]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if math.isfinite(value)}


def _spread(values: Sequence[float], largest: float | None = None) -> float:
    """Sample standard deviation; 0 if it is but rounding of numbers as large as `largest` (default: of `values`)."""
    largest = max(map(abs, values)) if largest is None else largest
    found = stdev(values)
    return found if found > NEGLIGIBLE * largest else 0.0


def _around(middle: float, error: float, freedom: float) -> Interval:
    """The 95% interval of an estimate with a standard error."""
    reach = _quantile(freedom) * error
    return middle - reach, middle + reach


def _quantile(freedom: float) -> float:
    """Standard errors from the middle of Student's t to the ends of its 95% interval."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def _reach(errors: Sequence[float], freedoms: Sequence[int]) -> float:
    """The true difference that a test finds with a probability of `POWER`, given the true standard errors.

    One standard error has the noncentral t distribution (Cohen 1988, section 2.4). Of two, as estimated in a study, the
    mean is taken over 64 x 64 equally likely values, for Welch's degrees of freedom depend on them too.
    """
    import numpy as np
    from scipy.special import chdtri, nctdtrinc, ndtr, stdtrit

    if len(errors) == 1:
        return errors[0] * float(nctdtrinc(freedoms[0], 1 - POWER, _quantile(freedoms[0])))
    from scipy.optimize import brentq

    error = math.hypot(*errors)
    tails = (np.arange(64) + 0.5) / 64
    parts = [
        (part / error) ** 2 * chdtri(freedom, tails) / freedom for part, freedom in zip(errors, freedoms, strict=True)
    ]
    one, other = np.meshgrid(*parts)
    freedom = (one + other) ** 2 / (one**2 / freedoms[0] + other**2 / freedoms[1])
    least = np.sqrt(one + other) * stdtrit(freedom, (1 + LEVEL) / 2)
    reach: Any = brentq(lambda reach: ndtr(reach - least).mean() - POWER, 0, 1000)
    return error * float(reach)
