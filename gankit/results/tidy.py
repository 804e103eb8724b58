"""The numbers of runs as rows that stand for themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gankit.results.protocols import GENERATED
from gankit.results.run_results import RunResults

COLUMNS = [
    *("run", "name", "variant", "seed", "images", "stage", "resolution"),
    *("metric", "value", "complete", "of", "protocol", "note"),
]
"""What each row says; see `gankit.results.load`."""


def tidy(runs: Iterable[RunResults]) -> list[dict[str, Any]]:
    """One row for each number of each run, in the order recorded."""
    rows: list[dict[str, Any]] = []
    for run in runs:
        final = {id(row) for stage in run.stages if stage.complete for row in stage.metrics.values()}
        about = {"run": str(run.path), "name": run.name, "variant": run.variant, "seed": run.seed}
        for row in run.rows:
            measured = {"images": row.images, "stage": row.stage, "resolution": row.resolution}
            of = None if row.protocol is None else row.protocol.get("of", GENERATED)
            said = {"complete": id(row) in final, "of": of, "protocol": row.protocol, "note": row.note}
            rows.append({**about, **measured, "metric": row.name, "value": row.value, **said})
    return rows
