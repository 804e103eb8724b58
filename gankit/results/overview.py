"""Every run in one line."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.evaluation.names import QUICK, USUAL_METRIC
from gankit.results.comparison import newest
from gankit.results.finder import Damaged
from gankit.results.run_results import RunResults
from gankit.results.sections import ABSENT, Column, Section
from gankit.results.table import significant
from gankit.runs.status import state_of


def overview(runs: Sequence[RunResults], metric: str, damaged: Sequence[Damaged] = ()) -> Section:
    """Where each run stands.

    Args:
        runs: What they have to show.
        metric: Whose last value is shown, be it by the cheaper protocol.
        damaged: Runs that cannot be read; they stand last, and the reasons under the table.

    Raises:
        UserError: if runs have measured other metrics, but not this one.
    """
    known = list(dict.fromkeys(row.name for run in runs for row in run.rows if row.protocol is not None))
    if known and metric != USUAL_METRIC and not {metric, metric + QUICK} & set(known):
        raise UserError(f"--metric: no run has {metric!r}; there are {', '.join(known)}.{did_you_mean(metric, known)}")
    columns = [Column("run", is_number=False), Column("state", is_number=False), Column("stage"), Column("images")]
    rows = [_line(run, metric) for run in runs]
    rows += [[str(one.path), "damaged", ABSENT, ABSENT, ABSENT] for one in damaged]
    return Section("Runs", [*columns, Column(metric)], rows, [f"damaged: {one.reason}" for one in damaged])


def _line(run: RunResults, metric: str) -> list[str]:
    row = newest(run, metric)
    cheaper = " (quick)" if row is not None and row.name != metric else ""
    value = ABSENT if row is None else f"{significant(row.value)}{cheaper} at {row.resolution}x{row.resolution}"
    of = "" if run.total is None else f" of {run.total:,}"
    return [str(run.path), str(state_of(run.path)), _stage(run), f"{run.cost.images:,}{of}", value]


def _stage(run: RunResults) -> str:
    """The number of the stage that a run is in, of how many, and its resolution."""
    if not run.rows:
        return ABSENT
    last = max(run.rows, key=lambda row: row.images)
    of = f"/{len(run.plan)}" if run.plan else ""
    return f"{last.stage}{of} {last.resolution}x{last.resolution}"
