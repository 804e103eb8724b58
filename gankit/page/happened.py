"""What happened in runs beside training: failures, and what observers reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gankit.results.reading import RunResults, read_events
from gankit.results.sections import Column, Section
from gankit.results.states import State, state_of
from gankit.results.variants import Variant
from gankit.runs.record import TIMES, is_run


def happened(variants: Sequence[Variant]) -> Section | None:
    """A line for each event; None if nothing has happened."""
    rows = [[variant.called(run), *event] for variant in variants for run in variant.runs for event in _events(run)]
    columns = [
        Column("run", is_number=False),
        Column("images"),
        Column("what", is_number=False),
        Column("in words", is_number=False),
    ]
    return Section("What happened in training", columns, rows) if rows else None


def _events(run: RunResults) -> Iterator[list[str]]:
    """What was reported in a run; at last why it failed, if it did."""
    for row in run.rows:
        if row.note is not None:
            yield [f"{row.images:,}", row.name, row.note]
    if is_run(run.path) and state_of(run.path) is State.FAILED:
        *_, last = read_events(run.path / TIMES)
        yield [f"{run.cost.images:,}", "failed", str(last.get("reason", "for a reason that is not recorded"))]
