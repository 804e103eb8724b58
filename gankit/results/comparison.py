"""Variants compared by one or several metrics at every resolution, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    results: list[VariantResult]
    """The best mean first; variants of which no seed has come to the stage's end are missing."""

    @property
    def size(self) -> str:
        """Height by height, as stages are called."""
        return f"{self.resolution}x{self.resolution}"

    @property
    def repeated(self) -> bool:
        """Whether any variant has several seeds."""
        return any(one.summary.given > 1 for one in self.results)


class Unfinished(NamedTuple):
    """A run that lacks numbers which it should have in the end."""

    variant: RunGroup
    run: RunResults
    state: RunState
    last: list[Row]
    """The newest value of each metric, if there is one."""


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
    stages = [
        _stage(variants, first, metric, resolution, correct)
        for metric in chosen
        for resolution in sorted({stage.resolution for run in runs for stage in _completed(run, metric)})
    ]
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


def _stage(
    variants: Sequence[RunGroup], baseline: RunGroup, metric: str, resolution: int, correct: bool
) -> StageComparison:
    """One stage by one metric, every variant compared with the baseline."""
    ended: dict[str, list[tuple[RunResults, StageMetrics]]] = {}
    for variant in variants:
        stages = [(run, stage) for run in variant.runs for stage in _completed(run, metric)]
        ended[variant.label] = [(run, stage) for run, stage in stages if stage.resolution == resolution]
    metrics = [stage.metrics for pairs in ended.values() for _, stage in pairs]
    better = "higher" if (metrics[0][metric].protocol or {}).get("better") == "higher" else "lower"
    by_seed = {label: {run.seed: stage.metrics[metric].value for run, stage in ended[label]} for label in ended}
    others = [label for label in ended if ended[label] and label != baseline.label]
    differences = {label: mean_difference(by_seed[label], by_seed[baseline.label]) for label in others}
    ps = {label: p for label, apart in differences.items() if apart is not None and (p := apart.p) is not None}
    if correct:
        ps = dict(zip(ps, holm(list(ps.values())), strict=True))
    results = []
    for variant in variants:
        label = variant.label
        seeds = [SeedValue(run.seed, by_seed[label][run.seed], stage.images, run.path) for run, stage in ended[label]]
        if not seeds:
            continue
        best = (max if better == "higher" else min)(_finite(by_seed[label].values()), default=None)
        apart, p = differences.get(label), ps.get(label)
        said = None if variant is baseline else verdict(apart, better, p)
        results.append(VariantResult(variant, seeds, summarize(by_seed[label].values()), best, apart, p, said))
    sign = -1 if better == "higher" else 1
    results.sort(key=lambda one: math.inf if one.summary.mean is None else sign * one.summary.mean)
    floors = _finite(rows[metric + FLOOR].value for rows in metrics if metric + FLOOR in rows)
    protocol = common_protocol(rows[metric] for rows in metrics)
    return StageComparison(metric, resolution, better, fmean(floors) if floors else None, protocol, results)


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _unfinished(variant: RunGroup, run: RunResults, metrics: Sequence[str]) -> Iterator[Unfinished]:
    """The run, if it has not come to its end or was not measured there."""
    reached = max((row.resolution for row in run.rows), default=0)
    completed = [stage.resolution for name in metrics for stage in _completed(run, name)]
    if completed.count(reached) == len(metrics) > 0 and run.is_complete:
        return
    last = [row for name in metrics if (row := run.last_value(name)) is not None]
    yield Unfinished(variant, run, state_of(run.path), last)
