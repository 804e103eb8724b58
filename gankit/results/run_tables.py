"""Tables of runs: all their metrics side by side, or each run in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.evaluation.names import FLOOR, QUICK, USUAL_METRIC, is_spread
from gankit.results.finder import Damaged
from gankit.results.protocols import (
    CONVERSIONS,
    measured,
    of_reals,
    refuse_unlike_protocols,
    surroundings,
    unlike_floors,
    usual_metric,
)
from gankit.results.run_results import RunResults, StageMetrics, in_order
from gankit.results.tables import ABSENT, Bold, Column, Section, as_shown, print_section, significant, text_columns
from gankit.runs.status import state_of

if TYPE_CHECKING:
    from rich.console import Console


def print_metrics(runs: Sequence[RunResults], console: Console | None = None) -> None:
    """Print metrics by resolution, each with its noise floor, the best run first and marked; to standard output.

    Raises:
        UserError: if numbers that belong side by side were measured differently.
    """
    from rich.console import Console

    refuse_unlike_protocols(runs)
    console = console or Console()
    lacking = [run for run in runs if not any(stage.metrics for stage in run.stages)]
    if len(lacking) < len(runs):
        print_section(_metrics(runs), console)
    for run in lacking:
        is_none_asked_for = run.options.get("evaluation", {}).get("metrics") == []
        why = "no evaluation, as evaluation.metrics names none" if is_none_asked_for else "no evaluation yet"
        console.print(as_shown(f"{run.path}: {why}"), soft_wrap=True)


def overview(runs: Sequence[RunResults], metric: str | None = None, damaged: Sequence[Damaged] = ()) -> Section:
    """Where each run stands.

    Args:
        runs: What they have to show.
        metric: Whose last value is shown, be it by the cheaper protocol; None: the usual one.
        damaged: Runs that cannot be read; they stand last, and the reasons under the table.

    Raises:
        UserError: if runs have measured other metrics, but not this one.
    """
    metric = shown_metric(runs, metric)
    columns = [*text_columns("run", "state"), Column("stage"), Column("images"), Column(metric)]
    rows = [_overview_of(run, metric) for run in runs]
    restored = [why for run in runs for why in run.damage]
    rows += [[str(one.path), "damaged", ABSENT, ABSENT, ABSENT] for one in damaged]
    return Section("Runs", columns, rows, [*restored, *(f"damaged: {one.reason}" for one in damaged)])


def shown_metric(runs: Sequence[RunResults], asked: str | None) -> str:
    """The metric of which the last values are shown: the one asked for, or the usual one.

    Raises:
        UserError: if runs have measured other metrics, but not this one.
    """
    known = list(dict.fromkeys(row.name for run in runs for row in run.rows if row.protocol is not None))
    if asked is None:
        return usual_metric(runs) or USUAL_METRIC
    if known and not {asked, asked + QUICK} & set(known):
        hint = did_you_mean(asked, known)
        raise UserError(f"--metric: no run has {asked!r}; there are {', '.join(known)}.{hint}", hint)
    return asked


def column_names(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once and in the order given, but a noise floor right after what it is the floor of."""
    unique = dict.fromkeys(names)
    ordered = []
    for name in unique:
        owner = name.removesuffix(FLOOR)
        if owner != name and owner in unique:
            continue
        ordered += [name, name + FLOOR] if name + FLOOR in unique else [name]
    return ordered


def _overview_of(run: RunResults, metric: str) -> list[str]:
    row, stage = run.last_value(metric), ABSENT
    cheaper = " (quick)" if row is not None and row.name != metric else ""
    value = ABSENT if row is None else f"{significant(row.value)}{cheaper} at {run.label_at(row)}"
    if run.rows:
        last = max(run.rows, key=lambda row: row.images)
        stage = f"{last.stage}{f'/{len(run.plan)}' if run.plan else ''} {run.label_at(last)}"
    total = "" if run.total is None else f" of {run.total:,}"
    return [str(run.path), str(state_of(run.path)), stage, f"{run.cost.images:,}{total}", value]


def _metrics(runs: Sequence[RunResults]) -> Section:
    """A block for each stage, in it a line for each run, the best first."""
    names = column_names(row.name for _, _, row in measured(runs))
    of_images = [(stage, row.name) for _, stage, row in measured(runs) if not of_reals(row)]
    ranked = {name for stage, name in of_images if not is_spread(name, stage.metrics)}
    decisive = usual_metric(runs) or names[0]
    has_several = len(runs) > 1
    labels, rows = _labels(runs), []
    for key in in_order(run.stages for run in runs):
        block = [
            (labels[run.path], stage) for run in runs for stage in run.stages if (stage.resolution, stage.name) == key
        ]
        block.sort(key=lambda line: _rank(line[1], decisive))
        best = {name: _best([_rank(stage, name) for _, stage in block]) for name in ranked}
        for label, stage in block:
            about = [stage.label, *([label] if has_several else []), f"{stage.images:,}" if stage.images else ABSENT]
            rows.append(about + [_cell(stage, name, best.get(name)) for name in names])
        rows += [[]] if has_several else []
    classes = {
        row.name: row.protocol["class"] for _, _, row in measured(runs) if row.protocol and "class" in row.protocol
    }
    words = {name: "floor" if name.endswith(FLOOR) else name.replace("_", "\n") for name in names}  # one word a line
    headers = [f"{word}\n{classes[name]}" if name in classes else word for name, word in words.items()]
    columns = [Column("stage"), *text_columns(*["run"] * has_several), *map(Column, ["images", *headers])]
    place = "stage" if any(stage.name for run in runs for stage in run.stages) else "resolution"
    notes = [f"* the best at this {place}"] if has_several else []
    notes.append(f"measured with {surroundings(row for _, _, row in measured(runs))}")
    notes += unlike_floors(
        (floor.protocol or {}, row.protocol or {})
        for _, stage, row in measured(runs)
        if (floor := stage.metrics.get(row.name + FLOOR)) is not None
    )
    notes += dict.fromkeys(
        f"{labels[run.path]}: {what}, {(row.protocol or {})[what]}"
        for run, _, row in measured(runs)
        for what in CONVERSIONS
        if what in (row.protocol or {})
    )
    return Section("Metrics", columns, rows, notes, is_framed=True)


def _rank(stage: StageMetrics, name: str) -> float:
    """Lower is better; infinite without a number."""
    row = stage.metrics.get(name)
    if row is None or row.value != row.value:
        return float("inf")
    return -row.value if (row.protocol or {}).get("better") == "higher" else row.value


def _best(ranks: Sequence[float]) -> float | None:
    """The best rank where there is a choice."""
    return min(ranks) if len(set(ranks)) > 1 else None


def _cell(stage: StageMetrics, name: str, best: float | None) -> str:
    if name not in stage.metrics:
        return ABSENT
    number = significant(stage.metrics[name].value)
    return Bold(f"*{number}") if _rank(stage, name) == best else number


def _labels(runs: Sequence[RunResults]) -> dict[Path, str]:
    """Each run's folder by its name, or by its whole path if another has the same name."""
    names = [run.path.resolve().name for run in runs]
    return {run.path: name if names.count(name) == 1 else str(run.path) for run, name in zip(runs, names, strict=True)}
