"""Variants compared by one or several metrics at every resolution, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.evaluation.names import FLOOR, QUICK, USUAL_METRIC, is_spread
from gankit.kinds.callbacks import Row
from gankit.results.finder import Damaged
from gankit.results.groups import RunGroup, group_runs
from gankit.results.protocols import common_protocol, measured, of_reals, refuse_unlike_protocols, surroundings
from gankit.results.run_results import RunResults, StageMetrics
from gankit.results.significance import Difference, Summary, Verdict, difference, holm, summarize, verdict
from gankit.runs.status import RunState, state_of


class Measurement(NamedTuple):
    """One seed's number at the end of a stage."""

    seed: int
    value: float
    images: int
    """Real images shown when it was measured."""
    path: Path
    """The run's folder."""


@dataclass(frozen=True)
class VariantResult:
    """How one variant fares at one stage."""

    variant: RunGroup
    measured: list[Measurement]
    """Of every seed that came to the stage's end."""
    summary: Summary
    best: float | None
    """The best single seed's number; None without one."""
    difference: Difference | None = None
    """To the baseline; None for the baseline itself, and where either has no number."""
    p: float | None = None
    """Of the difference, by Holm's correction if that was asked for; None if there are too few seeds."""
    verdict: Verdict | None = None
    """None for the baseline itself."""

    @property
    def by_seed(self) -> dict[int, float]:
        """The numbers alone."""
        return {one.seed: one.value for one in self.measured}


@dataclass(frozen=True)
class StageComparison:
    """All variants by one metric at one resolution."""

    metric: str
    resolution: int
    """Height of the images in pixels."""
    better: Literal["lower", "higher"]
    floor: float | None
    """What reals score in place of generated images, the mean over all runs; None if that was not measured."""
    protocol: dict[str, Any]
    """What all numbers share of how they were measured, by dotted keys."""
    standings: list[VariantResult]
    """The best mean first; variants of which no seed has come to the stage's end are missing."""

    @property
    def size(self) -> str:
        """Height by height, as stages are called."""
        return f"{self.resolution}x{self.resolution}"

    @property
    def repeated(self) -> bool:
        """Whether any variant has several seeds."""
        return any(standing.summary.given > 1 for standing in self.standings)


class Unfinished(NamedTuple):
    """A run that lacks numbers which it should have in the end."""

    variant: RunGroup
    run: RunResults
    state: RunState
    last: list[Row]
    """The newest value of each metric, if there is one."""


@dataclass(frozen=True)
class Comparison:
    """What is to be told of variants side by side."""

    variants: list[RunGroup]
    baseline: RunGroup
    metrics: list[str]
    """Empty if there is no evaluation yet."""
    stages: list[StageComparison]
    """By metric, then resolution."""
    unfinished: list[Unfinished]
    is_corrected: bool
    """Whether p values are Holm's, for all comparisons of a stage together."""
    measured_with: str
    """What all numbers share of how they were measured, in words."""
    damaged: Sequence[Damaged] = ()
    """Runs that could not be read, so that their seeds are missing from every number."""


def compare(
    runs: Sequence[RunResults],
    metrics: Sequence[str] = (),
    baseline: str | None = None,
    correct: bool = False,
    damaged: Sequence[Damaged] = (),
) -> Comparison:
    """Compare the variants that `runs` are seeds of, each stage by the last evaluation of the runs that completed it.

    Args:
        runs: What they have to show; at least one.
        metrics: By which; none: fid if it was measured, else what was measured first.
        baseline: The label of the variant that others are compared with; None: the first.
        correct: Correct p values for the number of variants, by Holm's method.
        damaged: Runs that could not be read, to be named.

    Raises:
        UserError: if all runs are damaged, there is no such metric or variant, a seed is there twice, or numbers were
            measured differently.
    """
    if damaged and not runs:
        raise UserError("\n".join(one.reason for one in damaged))
    variants = group_runs(runs)
    first = _named(variants, baseline)
    chosen = _chosen(metrics, _measured_names(runs))
    refuse_unlike_protocols(runs, [name + end for name in chosen for end in ("", FLOOR)])
    stages = []
    for metric in chosen:
        for resolution in sorted({stage.resolution for run in runs for stage in _completed(run, metric)}):
            compared = _stage(variants, metric, resolution)
            stages.append(_beside(compared, first, correct))
    unfinished = [one for variant in variants for run in variant.runs for one in _unfinished(variant, run, chosen)]
    around = surroundings(row for _, _, row in measured(runs) if row.name in chosen)
    return Comparison(variants, first, chosen, stages, unfinished, correct, around, damaged)


def _named(variants: Sequence[RunGroup], label: str | None) -> RunGroup:
    """The variant with that label, the first for None."""
    labels = [variant.label for variant in variants]
    if label is None:
        return variants[0]
    if label not in labels:
        hint = did_you_mean(label, labels) or f" There are: {', '.join(labels)}."
        raise UserError(f"--baseline: there is no variant {label!r}.{hint}")
    return variants[labels.index(label)]


def _measured_names(runs: Iterable[RunResults]) -> list[str]:
    """The metrics by which runs can be compared, in the order in which they were measured."""
    found: dict[str, None] = {}
    for run in runs:
        names = dict.fromkeys(row.name for row in run.rows if row.protocol is not None and not of_reals(row))
        found |= {name: None for name in names if not name.endswith(QUICK) and not is_spread(name, names)}
    return list(found)


def _chosen(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """The metrics asked for, each once; without any, the usual one."""
    for name in asked:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none yet"
            raise UserError(f"--metric: no run has {name!r}; {there}.{did_you_mean(name, known)}")
    usual = [USUAL_METRIC] if USUAL_METRIC in known else list(known[:1])
    return list(dict.fromkeys(asked)) or usual


def _completed(run: RunResults, metric: str) -> list[StageMetrics]:
    """The stages at whose end a run was measured."""
    return [stage for stage in run.stages if stage.complete and metric in stage.metrics]


def _stage(variants: Sequence[RunGroup], metric: str, resolution: int) -> StageComparison:
    """One stage, not yet compared with a baseline."""
    found = [
        (variant, run, stage)
        for variant in variants
        for run in variant.runs
        for stage in _completed(run, metric)
        if stage.resolution == resolution
    ]
    rows = [stage.metrics[metric] for _, _, stage in found]
    better = "higher" if (rows[0].protocol or {}).get("better") == "higher" else "lower"
    sign = -1 if better == "higher" else 1
    standings = []
    for variant in variants:
        numbers = [
            Measurement(run.seed, stage.metrics[metric].value, stage.images, run.path)
            for owner, run, stage in found
            if owner is variant
        ]
        if numbers:
            summary = summarize(one.value for one in numbers)
            finite = [one.value for one in numbers if math.isfinite(one.value)]
            best = min(finite, key=lambda value: sign * value, default=None)
            standings.append(VariantResult(variant, numbers, summary, best))
    standings.sort(key=lambda one: math.inf if one.summary.mean is None else sign * one.summary.mean)
    floors = [stage.metrics[metric + FLOOR].value for _, _, stage in found if metric + FLOOR in stage.metrics]
    finite_floors = [value for value in floors if math.isfinite(value)]
    floor = fmean(finite_floors) if finite_floors else None
    return StageComparison(metric, resolution, better, floor, common_protocol(rows), standings)


def _beside(stage: StageComparison, baseline: RunGroup, correct: bool) -> StageComparison:
    """The stage with every variant compared with the baseline."""
    theirs = next((one.by_seed for one in stage.standings if one.variant is baseline), {})
    others = [one for one in stage.standings if one.variant is not baseline]
    found = {one.variant.label: difference(one.by_seed, theirs) for one in others}
    ps = {label: p for label, apart in found.items() if apart is not None and (p := apart.p) is not None}
    if correct:
        ps = dict(zip(ps, holm(list(ps.values())), strict=True))

    def validated(one: VariantResult) -> VariantResult:
        if one.variant is baseline:
            return one
        apart, p = found[one.variant.label], ps.get(one.variant.label)
        return replace(one, difference=apart, p=p, verdict=verdict(apart, stage.better, p))

    return replace(stage, standings=[validated(one) for one in stage.standings])


def _unfinished(variant: RunGroup, run: RunResults, metrics: Sequence[str]) -> Iterator[Unfinished]:
    """The run, if it has not come to its end or was not measured there."""
    reached = max((row.resolution for row in run.rows), default=0)
    completed = [stage.resolution for name in metrics for stage in _completed(run, name)]
    if completed.count(reached) == len(metrics) > 0 and (run.total is None or run.cost.images >= run.total):
        return
    last = [row for name in metrics if (row := newest(run, name)) is not None]
    yield Unfinished(variant, run, state_of(run.path), last)


def newest(run: RunResults, metric: str) -> Row | None:
    """The last value of a metric that a run has recorded, be it by the cheaper protocol."""
    names = (metric, metric + QUICK)
    return next((row for row in reversed(run.rows) if row.name in names and row.protocol is not None), None)
