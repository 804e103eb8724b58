"""Which of a variant's runs stands for it where only one can be shown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from gankit.results.comparison import Comparison, VariantResult
from gankit.results.groups import RunGroup
from gankit.results.run_results import RunResults
from gankit.results.table import significant


class Choice(NamedTuple):
    """A variant's run, and how it came to be chosen."""

    variant: RunGroup
    run: RunResults
    reason: str
    """In words: the seed, its number, and which place that takes among the variant's seeds."""


def choices(comparison: Comparison) -> list[Choice]:
    """For each variant the run whose number is the median of its seeds, by the first metric at the last stage reached.

    Of two in the middle it is the worse; seeds without a finite number do not count. Without any number it is the first
    seed.
    """
    return [_choice(variant, comparison) for variant in comparison.variants]


def _choice(variant: RunGroup, comparison: Comparison) -> Choice:
    last_first = reversed([stage for stage in comparison.stages if stage.metric == comparison.metrics[0]])
    for stage in last_first:
        for standing in _of(variant, stage.standings):
            sign = -1 if stage.better == "higher" else 1
            finite = [one for one in standing.measured if math.isfinite(one.value)]
            if not finite:
                continue
            middle = sorted(finite, key=lambda one: sign * one.value)[len(finite) // 2]
            run = next(run for run in variant.runs if run.path == middle.path)
            among = f", the median of {len(finite)} seeds" if len(finite) > 2 else ""
            among = ", the worse of 2 seeds" if len(finite) == 2 else among
            return Choice(
                variant, run, f"seed {run.seed}, {stage.metric} {significant(middle.value)} at {stage.size}{among}"
            )
    run = variant.runs[0]
    return Choice(variant, run, f"seed {run.seed}, no number yet")


def _of(variant: RunGroup, standings: Iterable[VariantResult]) -> list[VariantResult]:
    return [standing for standing in standings if standing.variant is variant]
