"""Results that others have sent, ranked: a table for each way in which numbers were measured."""

from __future__ import annotations

import json
import math
import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.kinds.callbacks import Row
from gankit.results.groups import RunGroup, group_runs
from gankit.results.protocols import NOT_COMPARED, flattened, floor_of, metric_names, surroundings, usual_metric
from gankit.results.ranks import RankInterval, rank_intervals
from gankit.results.report import ENERGY_NOTE, first_place, half_of
from gankit.results.run_results import ENERGY, RunResults, read_provenance
from gankit.results.significance import Summary, summarize
from gankit.results.submissions import (
    Refused,
    SentRun,
    last_stage,
    on_a_line,
    read_sent,
    refuse_repeated,
    remarks_on,
    runs_sent,
)
from gankit.results.tables import ABSENT, Column, Link, Report, Section, significant, text_columns
from gankit.runs.folder import EXPERIMENT

FLOORS_APART = 0.01
"""The share of a noise floor by which others of the same protocol may be apart, by rounding on other machines."""


@dataclass(frozen=True)
class RankedEntry:
    """Runs of one sender that differ in nothing but their seeds, measured alike."""

    label: str
    runs: list[SentRun]
    """Lowest seed first."""
    summary: Summary
    rank: RankInterval | None
    """None if none of its seeds gave a number."""
    remarks: list[str]

    @property
    def experiment(self) -> Path:
        """The experiment of its first run."""
        return self.runs[0].run.path / EXPERIMENT

    @property
    def seeds(self) -> str:
        """Its seeds, in words."""
        return ", ".join(str(one.run.seed) for one in self.runs)

    @property
    def origin(self) -> dict[str, Any]:
        """What its first run says of its beginning; empty if that is not known."""
        return next(iter(read_provenance(self.runs[0].run.path)), {})

    @property
    def began(self) -> str | None:
        """When that was, as it says."""
        return str(when) if (when := self.origin.get("started")) else None

    @property
    def machine(self) -> str | None:
        """What it ran on, as it says."""
        hardware = self.origin.get("hardware", {})
        named = [hardware.get("cpu"), *dict.fromkeys(hardware.get("gpus") or ())]
        return ", ".join(filter(None, named)) or None

    def joules(self, name: str) -> float | None:
        """Energy by a name of `ENERGY`, the mean over the runs of which it was counted; None if it was of none."""
        known = [one.run.cost.joules[name] for one in self.runs if name in one.run.cost.joules]
        return fmean(known) if known else None

    def cost(self, fact: Literal["images", "seconds", "cpu_seconds"]) -> float | None:
        """What a run of it took, the mean over those of which it is known; None if it is of none."""
        known = [value for one in self.runs if (value := getattr(one.run.cost, fact)) is not None]
        return fmean(known) if known else None


@dataclass(frozen=True)
class Ranking:
    """The entries that were measured alike, the best mean first."""

    resolution: int
    better: Literal["lower", "higher"]
    protocol: dict[str, Any]
    """How, by dotted keys."""
    measured_with: str
    """How they were measured, in words."""
    entries: list[RankedEntry]

    @property
    def first(self) -> list[RankedEntry]:
        """Those that may have the first place."""
        return [one for one in self.entries if one.rank is not None and one.rank.low == 1]


class Leaderboard(NamedTuple):
    """All that was sent."""

    metric: str
    rankings: list[Ranking]
    """Those of most entries first."""
    refused: list[Refused]


def leaderboard(folder: Path, metric: str | None = None) -> Leaderboard:
    """Rank what lies in `folder`; what is not as gankit records it, or not as it says itself, is refused.

    Raises:
        UserError: if there is nothing in it, or no run has the metric.
    """
    sent, refused = list(runs_sent(folder)), list[Refused]()
    read: list[tuple[str, RunResults]] = []
    for sender, path in sent:
        try:
            read.append((sender, read_sent(path, folder)))
        except UserError as reason:
            refused.append(Refused(path, on_a_line(reason)))
    runs = [run for _, run in read]
    known = metric_names(runs)
    if metric is not None and runs and metric not in known:
        raise UserError(f"--metric: no run has {metric!r}; there are {', '.join(known)}.{did_you_mean(metric, known)}")
    metric = metric or usual_metric(runs) or "fid"
    whole: dict[str, list[RunResults]] = {}
    repeated = refuse_repeated(runs)
    for sender, run in read:
        try:
            if run.path in repeated:
                raise UserError(repeated[run.path])
            last_stage(run, metric)
            whole.setdefault(sender, []).append(run)
        except UserError as reason:
            refused.append(Refused(run.path, on_a_line(reason)))
    tables: dict[str, dict[str, list[SentRun]]] = {}
    for sender, theirs in whole.items():
        try:
            groups = group_runs(theirs)
        except UserError as reason:
            refused += [Refused(run.path, on_a_line(reason)) for run in theirs]
            continue
        for group in groups:
            _enter(tables, sender, group, sender if len(groups) == 1 else f"{sender}: {group.label}", metric)
    rankings = [_ranking(entries, metric) for entries in tables.values()]
    return Leaderboard(metric, sorted(rankings, key=lambda one: -len(one.entries)), refused)


def _enter(tables: dict[str, dict[str, list[SentRun]]], sender: str, group: RunGroup, label: str, metric: str) -> None:
    """Put the runs of a group into the tables of their protocols, by keys that no two groups share."""
    for run in group.runs:
        stage = last_stage(run, metric)
        key = json.dumps([stage.resolution, _protocol(stage.metrics[metric])], sort_keys=True)
        one = SentRun(sender, label, run, stage, list(remarks_on(run, stage, metric)))
        tables.setdefault(key, {}).setdefault(f"{sender}\0{group.label}", []).append(one)


def _protocol(row: Row) -> dict[str, Any]:
    return {key: value for key, value in flattened(row.protocol or {}) if key not in NOT_COMPARED}


def _ranking(entries: Mapping[str, Sequence[SentRun]], metric: str) -> Ranking:
    """Entries that were measured alike."""
    rows = {key: [one.stage.metrics[metric] for one in runs] for key, runs in entries.items()}
    first = next(iter(rows.values()))[0]
    better = "higher" if (first.protocol or {}).get("better") == "higher" else "lower"
    summaries = {key: summarize(row.value for row in each) for key, each in rows.items()}
    numbers = {key: [row.value for row in each if math.isfinite(row.value)] for key, each in rows.items()}
    ranks = rank_intervals({key: finite for key, finite in numbers.items() if finite}, better)
    floors = {
        key: floor.value
        for key, runs in entries.items()
        if (floor := runs[0].stage.metrics.get(floor_of(first))) is not None and math.isfinite(floor.value)
    }
    usual = median(floors.values()) if floors else math.nan
    ranked = []
    for key, runs in entries.items():
        remarks = list(dict.fromkeys(remark for one in runs for remark in one.remarks))
        if key in floors and abs(floors[key] - usual) > FLOORS_APART * abs(usual):
            remarks.append(f"its noise floor is {significant(floors[key])}, and the usual one {significant(usual)}")
        if len(runs) == 1:
            remarks.append("one seed: nothing can be said of its place")
        ranked.append(RankedEntry(runs[0].entry, list(runs), summaries[key], ranks.get(key), remarks))
    sign = -1 if better == "higher" else 1
    ranked.sort(key=lambda one: math.inf if one.summary.mean is None else sign * one.summary.mean)
    resolution = next(iter(entries.values()))[0].stage.resolution
    return Ranking(resolution, better, _protocol(first), surroundings([first]), ranked)


def leaderboard_report(found: Leaderboard, page: Path | None = None) -> Report:
    """Tables of all that was sent; on a `page` each entry leads to its experiment."""
    sections = [_table(ranking, found.metric, page) for ranking in found.rankings]
    for section in sections if len(sections) > 1 else ():
        section.notes.append("measured in another way than those of the other tables, and not comparable with them")
    if refused := [[str(one.path), one.reason] for one in found.refused]:
        sections.append(Section("Refused", text_columns("folder", "reason"), refused))
    notes = [
        "rank: the places that an entry may have; all of a table are right at once in 95% of studies (Welch's t-test "
        "of every pair, with Holm's correction)",
        "an entry is called by the folder in which it was sent; when, where and at what cost it ran is what it says "
        "itself. What was sent may be made up: only to run its experiment again proves it",
    ]
    return Report(f"Leaderboard by {found.metric}", [*sections, Section("How to read it", notes=notes)])


def _table(ranking: Ranking, metric: str, page: Path | None) -> Section:
    """One way of measuring."""
    energy = [name for name in ENERGY if any(one.joules(name) is not None for one in ranking.entries)]
    shown = ("rank", "n", metric, "±95%", "images", "seconds", "CPU seconds", *(ENERGY[name] for name in energy))
    numbers = [Column(name) for name in shown]
    columns = [*text_columns("entry"), *numbers, *text_columns("seeds", "began (UTC)", "machine")]
    rows, notes = list[list[str]](), list[str]()
    if len(ranking.entries) > 1:
        notes.append(first_place([one.label for one in ranking.first]))
    for one in ranking.entries:
        n, given = one.summary.n, one.summary.given
        mean = ABSENT if one.summary.mean is None else significant(one.summary.mean)
        cells = [str(one.rank or ABSENT), f"{n}" if n == given else f"{n} of {given}", mean]
        cells.append(half_of(one.summary.interval))
        costs = [one.cost("images"), one.cost("seconds"), one.cost("cpu_seconds")]
        cells += [ABSENT if value is None else f"{value:,.0f}" for value in costs]
        used = [one.joules(name) for name in energy]
        cells += [ABSENT if value is None else significant(value / 1000) for value in used]
        began = one.began[:19].replace("T", " ") if one.began else ABSENT
        label = one.label if page is None else Link(one.label, address_from(page, one.experiment))
        rows.append([label, *cells, one.seeds, began, one.machine or ABSENT])
        notes += [f"{one.label}: {remark}" for remark in one.remarks]
    notes += [ENERGY_NOTE] if energy else []
    notes.append(f"measured with {ranking.measured_with}")
    size = f"{ranking.resolution}x{ranking.resolution}"
    return Section(f"{metric} at {size}: {ranking.better} is better", columns, rows, notes)


def address_from(page: Path, file: Path) -> str:
    """A file as a page leads to it, whatever its name is."""
    return quote(os.fsencode(os.path.relpath(file.absolute(), page.absolute().parent)))
