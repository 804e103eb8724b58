"""A comparison in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from gankit.core.networks import NETWORKS
from gankit.kinds.callbacks import Row
from gankit.results.comparison import Comparison, StageComparison, Unfinished, Unmeasured, VariantResult
from gankit.results.differences import differing
from gankit.results.groups import RunGroup, told_apart_by
from gankit.results.plugin_code import other_code
from gankit.results.protocols import other_count, shown_name, unlike_floors
from gankit.results.run_results import ENERGY, RunResults
from gankit.results.significance import Interval, Method
from gankit.results.tables import ABSENT, Column, Report, Section, significant, text_columns

FEW = 5
"""Seeds up to which it is said how large a difference could have been seen."""
MANY = 4
"""Variants from which on it is said that verdicts are for each pair alone."""

ENERGY_NOTE = (
    "kJ: as the machine counted them, of all its processors and of the run's GPUs, whatever else ran there meanwhile"
)
TESTS = {
    Method.PAIRED: "seed by seed (paired t-test) where both have the same seeds",
    Method.WELCH: "by Welch's t-test where seeds are not the same",
}


def build_report(comparison: Comparison) -> Report:
    """Everything that is to be shown of a comparison."""
    shown = dict.fromkeys(stage.shown_metric for stage in comparison.stages) or comparison.metrics
    metrics = ", ".join(shown) or "metrics"
    final_first = [
        stage for name in comparison.metrics for stage in reversed(comparison.stages) if stage.metric == name
    ]
    sections = [_of_stage(stage, comparison) for stage in final_first]
    variants = comparison.variants
    parts = [*sections, _statistics(comparison), _damaged(comparison)]
    parts += [_unfinished(comparison.unfinished), _unmeasured(comparison.unmeasured)]
    parts += [_cost(variants), _differing(variants), other_code(variants)]
    return Report(f"{metrics} by variant", [part for part in parts if part is not None])


def _of_stage(stage: StageComparison, comparison: Comparison) -> Section:
    """One stage, with the columns that its numbers of seeds and of variants allow."""
    counts = {one.images for result in stage.results for one in result.seeds}
    after = f" after {counts.copy().pop():,} images" if len(counts) == 1 else ""
    floor = "" if stage.floor is None else f"; noise floor {significant(stage.floor)}"
    floor += other_count(stage.floor_protocol, stage.protocol)
    title = f"{stage.shown_metric} at {stage.label}{after}: {stage.better} is better{floor}"
    many, several = stage.repeated, len(comparison.variants) > 1
    columns: list[tuple[bool, Column, Callable[[VariantResult], str]]] = [
        (True, Column("variant", is_number=False), lambda one: _label(one, comparison)),
        (many and several, Column("rank"), lambda one: str(one.rank or ABSENT)),
        (many, Column("n"), _seeds),
        (not after, Column("images"), lambda one: _range([seed.images for seed in one.seeds])),
        (True, Column("mean" if many else stage.metric), lambda one: _number(one.summary.mean)),
        (many, Column("±95%"), lambda one: half_of(one.summary.interval)),
        (many, Column("std", is_spare=True), lambda one: _number(one.summary.std)),
        (many, Column("best", is_spare=True), lambda one: _number(one.best)),
        (several, Column("difference"), lambda one: _number(one.difference and one.difference.value)),
        (several and many, Column("±95%"), lambda one: half_of(one.difference and one.difference.interval)),
        (several and many and comparison.is_corrected, Column("Holm's p"), _p),
        (several and many, Column("verdict", is_number=False), lambda one: one.verdict or ABSENT),
        (several and many, Column("detectable", is_spare=True), _detectable),
    ]
    shown = [(column, cell) for is_shown, column, cell in columns if is_shown]
    rows = [[cell(result) for _, cell in shown] for result in stage.results]
    return Section(title, [column for column, _ in shown], rows, list(_notes(stage, comparison)))


def _label(result: VariantResult, comparison: Comparison) -> str:
    is_baseline = result.variant is comparison.baseline and len(comparison.variants) > 1
    return result.variant.label + (" (baseline)" if is_baseline else "")


def _seeds(result: VariantResult) -> str:
    n, given = result.summary.n, result.summary.given
    return f"{n}" if n == given else f"{n} of {given}"


def _p(result: VariantResult) -> str:
    return ABSENT if result.p is None else f"{result.p:.2g}"


def _detectable(result: VariantResult) -> str:
    return _number(result.difference and result.difference.detectable)


def first_place(labels: Sequence[str]) -> str:
    """Who may have come in first."""
    return f"First place{' shared by' if len(labels) > 1 else ''}: {', '.join(labels) or ABSENT}"


def _range(counts: Sequence[int]) -> str:
    """The least and the greatest, or the one that all are."""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _why_it_lacks(baseline: RunGroup, stage: StageComparison) -> str:
    """Why there is no number of a stage."""
    planned = {each.label for run in baseline.runs for each in run.plan}
    if planned and stage.label not in planned:
        return "has no such stage"
    ended = all(run.is_complete for run in baseline.runs)
    return f"has no {stage.metric} of it" if ended else "has not come to the end of this stage"


def _notes(stage: StageComparison, comparison: Comparison) -> Iterator[str]:
    """What has to be said of a stage's numbers."""
    if stage.repeated and len(comparison.variants) > 1:
        yield first_place(stage.first)
    for one in stage.results:
        if one.summary.n < one.summary.given:
            yield (
                f"{one.variant.label}: {one.summary.n} of {one.summary.given} seeds gave a number; "
                "mean, interval and verdict are of these alone"
            )
    if all(one.variant is not comparison.baseline for one in stage.results):
        yield f"the baseline, {comparison.baseline.label}, {_why_it_lacks(comparison.baseline, stage)}"
    few = [one for one in stage.results if one.difference is not None and 1 < one.summary.n <= FEW]
    seen = [(size, one) for one in few if one.difference and (size := one.difference.detectable) is not None]
    if seen:
        (low, first), (high, last) = (choose(seen, key=lambda pair: pair[0]) for choose in (min, max))
        ends = [f"{significant(size)} ({one.variant.label})" for size, one in ((low, first), (high, last))]
        several = f"true differences from {' to '.join(ends)}"
        found = several if len(seen) > 1 else f"a true difference of {significant(low)}"
        seeds = _range([one.summary.n for one in few])
        yield f"with {seeds} seeds, 80% of such studies would find {found}; smaller ones mostly go unseen"


def _statistics(comparison: Comparison) -> Section | None:
    """How the numbers were come by."""
    if not comparison.stages:
        return None
    notes = []
    apart = [one.difference for stage in comparison.stages for one in stage.results if one.difference is not None]
    methods = {found.method for found in apart if found.method is not None}
    if any(stage.repeated for stage in comparison.stages):
        notes.append("±95%: half of the 95% interval of the number before it, by Student's t")
    if methods:
        how = " and ".join(said for method, said in TESTS.items() if method in methods)
        notes.append(f"differences are to {comparison.baseline.label}, tested at the 95% level {how}")
    elif apart:
        notes.append("one seed each: how much of a difference is chance cannot be told; run more seeds")
    if methods:
        notes.append(
            "rank: the places that a variant may have; all are right at once in 95% of studies (Welch's t-test of "
            "every pair, with Holm's correction)"
        )
    if methods and comparison.is_corrected:
        notes.append("verdicts are by Holm's correction for all variants of a stage; intervals are for each pair alone")
    elif methods and len(comparison.variants) >= MANY:
        notes.append(
            "intervals and verdicts are for each pair alone: of so many, some differ by chance; "
            "--holm corrects verdicts for that"
        )
    if comparison.measured_with:
        notes.append(f"measured with {comparison.measured_with}")
    notes += unlike_floors((stage.floor_protocol, stage.protocol) for stage in comparison.stages)
    return Section("How it was measured", notes=notes) if notes else None


def _unfinished(runs: Sequence[Unfinished]) -> Section | None:
    """The runs that have not come to their end."""
    return Section("Not complete", notes=[_so_far(one) for one in runs]) if runs else None


def _unmeasured(runs: Sequence[Unmeasured]) -> Section | None:
    """The runs that have, without numbers that others have."""
    notes = [f"{one.variant.called(one.run)}: no {', no '.join(one.lacks or ['evaluation'])}" for one in runs]
    return Section("Not measured", notes=notes) if runs else None


def _damaged(comparison: Comparison) -> Section | None:
    """The runs that could not be read, or not as they had been recorded."""
    restored = [why for variant in comparison.variants for run in variant.runs for why in run.damage]
    notes = [str(one) for one in comparison.damaged]
    if notes:
        notes.append("no number here is of these: their seeds are missing from n, means and intervals")
    return Section("Damaged", notes=[*restored, *notes]) if restored or notes else None


def _so_far(one: Unfinished) -> str:
    """Where a run stands, in words."""
    run = one.run
    of = "" if run.total is None else f" of {run.total:,}"
    at = f" at {run.cost.images:,}{of} images" if run.cost.images != run.total else ""
    last = ", ".join(_measured(run, row) for row in one.last)
    return f"{one.variant.called(run)}: {one.state}{at}; {last or 'no evaluation yet'}"


def _measured(run: RunResults, row: Row) -> str:
    at = f"at {run.label_at(row)} after {row.images:,}"
    return f"{shown_name(row.name, row.protocol)} {significant(row.value)} {at}"


def _cost(variants: Sequence[RunGroup]) -> Section:
    """What a run of each variant takes; energy only where a machine has counted it."""
    energy = [name for name in ENERGY if any(name in run.cost.joules for one in variants for run in one.runs)]
    columns = ["runs", "images", "seconds", "CPU seconds", "images/s", *(ENERGY[name] for name in energy)]
    columns += [f"{network} parameters" for network in NETWORKS]
    rows = []
    for variant in variants:
        complete = [run for run in variant.runs if run.is_complete]
        runs = complete or variant.runs
        images = fmean(run.cost.images for run in runs)
        times = [[run.cost.seconds for run in runs], [run.cost.cpu_seconds for run in runs]]
        counts = [max((run.cost.parameters.get(network, 0) for run in runs), default=0) for network in NETWORKS]
        partly = "" if complete else " so far"
        cells = [f"{images:,.0f}{partly}"]
        for known in ([one for one in each if one is not None] for each in times):
            cells.append(f"{fmean(known):,.0f}{partly}" if known else ABSENT)
        speeds = [run.cost.images / run.cost.seconds for run in complete if run.cost.seconds]
        cells.append(significant(fmean(speeds)) if speeds else ABSENT)
        for counted in ([run.cost.joules[name] for run in runs if name in run.cost.joules] for name in energy):
            cells.append(f"{significant(fmean(counted) / 1000)}{partly}" if counted else ABSENT)
        rows.append([variant.label, str(len(runs)), *cells, *(f"{count:,}" if count else ABSENT for count in counts)])
    notes = [ENERGY_NOTE] if energy else []
    return Section("Cost of a run", [*text_columns("variant"), *map(Column, columns)], rows, notes)


def _differing(variants: Sequence[RunGroup]) -> Section | None:
    """The options that are not the same in all variants."""
    if len(variants) == 1:
        return None
    labels = [variant.label for variant in variants]
    found = differing(told_apart_by(variants))
    if not found:
        return Section("What differs", notes=["nothing in their options"])
    if len(found) <= len(labels):
        names, rows = ["variant", *found], [[label, *(by[label] for by in found.values())] for label in labels]
    else:
        names, rows = ["option", *labels], [[path, *(by[label] for label in labels)] for path, by in found.items()]
    return Section("What differs", text_columns(*names), rows)


def _number(value: float | None) -> str:
    return ABSENT if value is None else significant(value)


def half_of(interval: Interval | None) -> str:
    """How far an interval reaches to either side."""
    return ABSENT if interval is None else significant((interval[1] - interval[0]) / 2)
