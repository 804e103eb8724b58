"""Variants compared by one or several metrics at every resolution, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.core.progress import stage_label
from gankit.kinds.callbacks import Row
from gankit.results.alike import commands_for_those_alike
from gankit.results.finder import Damaged
from gankit.results.groups import RunGroup, group_runs
from gankit.results.protocols import (
    UnlikeRunsError,
    common_protocol,
    floor_of,
    measured,
    metric_names,
    refuse_unlike_protocols,
    shown_name,
    surroundings,
    usual_metric,
)
from gankit.results.ranks import RankInterval, rank_intervals
from gankit.results.run_results import RunResults, StageMetrics, in_order
from gankit.results.significance import Difference, Summary, Verdict, holm, mean_difference, summarize, verdict
from gankit.runs.status import RunState, state_of


class SeedValue(NamedTuple):
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
    seeds: list[SeedValue]
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
    rank: RankInterval | None = None
    """Its places among the variants that have numbers; None without one."""


@dataclass(frozen=True)
class StageComparison:
    """All variants by one metric at the end of one stage."""

    metric: str
    resolution: int
    """Height of the images in pixels."""
    better: Literal["lower", "higher"]
    floor: float | None
    """What reals score in place of generated images, the mean over all runs; None if that was not measured."""
    protocol: dict[str, Any]
    """What all numbers share of how they were measured, by dotted keys."""
    floor_protocol: dict[str, Any]
    """How the floors were measured, which may be of fewer images; empty without one."""
    results: list[VariantResult]
    """The best mean first; variants of which no seed has come to the stage's end are missing."""
    name: str = ""
    """Tells the stage from others at its resolution; empty if it has none."""

    @property
    def label(self) -> str:
        """What the stage is called."""
        return stage_label(self.resolution, self.name)

    @property
    def shown_metric(self) -> str:
        """What the metric is called, and the class that it is of, if it is of one."""
        return shown_name(self.metric, self.protocol)

    @property
    def repeated(self) -> bool:
        """Whether any variant has several seeds."""
        return any(one.summary.given > 1 for one in self.results)

    @property
    def first(self) -> list[str]:
        """The variants that may have the first place, the best mean first."""
        return [one.variant.label for one in self.results if one.rank is not None and one.rank.low == 1]


class Unfinished(NamedTuple):
    """A run that has not come to the end of its own schedule."""

    variant: RunGroup
    run: RunResults
    state: RunState
    last: list[Row]
    """The newest value of each metric, if there is one."""


class Unmeasured(NamedTuple):
    """A run that has come to the end of its schedule without numbers that others have there."""

    variant: RunGroup
    run: RunResults
    lacks: list[str]
    """The metrics, each with the stage; empty if no run has any number."""


@dataclass(frozen=True)
class Comparison:
    """Variants side by side."""

    variants: list[RunGroup]
    baseline: RunGroup
    metrics: list[str]
    """Empty if there is no evaluation yet."""
    stages: list[StageComparison]
    """By metric, then resolution."""
    unfinished: list[Unfinished]
    unmeasured: list[Unmeasured]
    is_corrected: bool
    """Whether p values are Holm's, for all comparisons of a stage together."""
    measured_with: str
    """What all numbers share of how they were measured, in words."""
    damaged: Sequence[Damaged] = ()
    """Runs that could not be read, so that their seeds are missing from every number."""


def compare_runs(
    runs: Sequence[RunResults],
    metrics: Sequence[str] = (),
    baseline: str | None = None,
    correct: bool = False,
    damaged: Sequence[Damaged] = (),
) -> Comparison:
    """Compare the variants that `runs` are seeds of, each stage by the last evaluation of the runs that completed it.

    Args:
        runs: What they have to show; at least one.
        metrics: By which; none: the usual one (`gankit.results.protocols.usual_metric`).
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
    chosen = _chosen(metrics, runs)
    with_floors = {*chosen, *(floor_of(row) for _, _, row in measured(runs) if row.name in chosen)}
    try:
        refuse_unlike_protocols(runs, with_floors)
    except UnlikeRunsError as unlike:
        together = commands_for_those_alike(runs, with_floors if metrics else (), metrics)
        raise UnlikeRunsError(f"{unlike}\n{together}") from None
    stages = [
        _stage(variants, first, metric, key, correct)
        for metric in chosen
        for key in in_order(_completed(run, metric) for run in runs)
    ]
    around = surroundings(row for _, _, row in measured(runs) if row.name in with_floors)
    unfinished, unmeasured = [], []
    for variant in variants:
        for run in variant.runs:
            if not _has_ended(run):
                last = [row for name in chosen if (row := run.last_value(name)) is not None]
                unfinished.append(Unfinished(variant, run, state_of(run.path), last))
            elif (lacks := _lacks(run, stages)) or not stages:
                unmeasured.append(Unmeasured(variant, run, lacks))
    return Comparison(variants, first, chosen, stages, unfinished, unmeasured, correct, around, damaged)


def _named(variants: Sequence[RunGroup], label: str | None) -> RunGroup:
    """The variant with that label, the first for None."""
    labels = [variant.label for variant in variants]
    if label is None:
        return variants[0]
    if label not in labels:
        hint = did_you_mean(label, labels) or f" There are: {', '.join(labels)}."
        raise UserError(f"--baseline: there is no variant {label!r}.{hint}", hint)
    return variants[labels.index(label)]


def _chosen(asked: Sequence[str], runs: Sequence[RunResults]) -> list[str]:
    """The metrics asked for, each once; without any, the usual one."""
    if not asked:
        return [usual] if (usual := usual_metric(runs)) is not None else []
    known = metric_names(runs)
    for name in asked:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none yet"
            hint = did_you_mean(name, known)
            raise UserError(f"--metric: no run has {name!r}; {there}.{hint}", hint)
    return list(dict.fromkeys(asked))


def _completed(run: RunResults, metric: str) -> list[StageMetrics]:
    """The stages at whose end a run was measured."""
    return [stage for stage in run.stages if stage.complete and metric in stage.metrics]


def _stage(
    variants: Sequence[RunGroup], baseline: RunGroup, metric: str, key: tuple[int, str], correct: bool
) -> StageComparison:
    """The stage of a resolution and a name by one metric, every variant compared with the baseline."""
    ended: dict[str, list[tuple[RunResults, StageMetrics]]] = {}
    for variant in variants:
        stages = [(run, stage) for run in variant.runs for stage in _completed(run, metric)]
        ended[variant.label] = [(run, stage) for run, stage in stages if (stage.resolution, stage.name) == key]
    metrics = [stage.metrics for pairs in ended.values() for _, stage in pairs]
    better = "higher" if (metrics[0][metric].protocol or {}).get("better") == "higher" else "lower"
    by_seed = {label: {run.seed: stage.metrics[metric].value for run, stage in ended[label]} for label in ended}
    others = [label for label in ended if ended[label] and label != baseline.label]
    differences = {label: mean_difference(by_seed[label], by_seed[baseline.label]) for label in others}
    ps = {label: p for label, apart in differences.items() if apart is not None and (p := apart.p) is not None}
    if correct:
        ps = dict(zip(ps, holm(list(ps.values())), strict=True))
    numbers = {label: finite for label in ended if (finite := _finite(by_seed[label].values()))}
    ranks = rank_intervals(numbers, better)
    results = []
    for variant in variants:
        label = variant.label
        seeds = [SeedValue(run.seed, by_seed[label][run.seed], stage.images, run.path) for run, stage in ended[label]]
        if not seeds:
            continue
        best = (max if better == "higher" else min)(numbers.get(label, ()), default=None)
        apart, p = differences.get(label), ps.get(label)
        said = None if variant is baseline else verdict(apart, better, p)
        summary, rank = summarize(by_seed[label].values()), ranks.get(label)
        results.append(VariantResult(variant, seeds, summary, best, apart, p, said, rank))
    sign = -1 if better == "higher" else 1
    results.sort(key=lambda one: math.inf if one.summary.mean is None else sign * one.summary.mean)
    protocol = common_protocol(rows[metric] for rows in metrics)
    of_floors = [rows[floor] for rows in metrics if (floor := floor_of(rows[metric])) in rows]
    floors = _finite(row.value for row in of_floors)
    floor = fmean(floors) if floors else None
    resolution, name = key
    return StageComparison(metric, resolution, better, floor, protocol, common_protocol(of_floors), results, name)


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _has_ended(run: RunResults) -> bool:
    """Whether a run has come to the end of its own schedule, the last evaluation included."""
    reached = max((row.stage for row in run.rows), default=0)
    is_measured = any(stage.complete and stage.number == reached for stage in run.stages)
    return run.is_complete and (is_measured or state_of(run.path) is RunState.FINISHED)


def _lacks(run: RunResults, stages: Sequence[StageComparison]) -> list[str]:
    """The numbers that others have at stages through which a run has come as well."""
    through = {run.label_at(row) for row in run.rows}
    return [
        f"{stage.metric} at {stage.label}"
        for stage in stages
        if stage.label in through and all(one.path != run.path for result in stage.results for one in result.seeds)
    ]
