"""The views of Aim that gankit brings along, made for the metrics that runs have: bookmarks, put into a repository."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from gankit.core.text import printable
from gankit.evaluation.names import QUICK, USUAL_METRIC
from gankit.results.protocols import metric_names, usual_metric

if TYPE_CHECKING:
    from gankit.results.run_results import RunResults


class Bookmark(NamedTuple):
    """A view of Aim's user interface under a name."""

    key: str
    """What gankit knows it by, whatever it is called."""
    page: str
    """Aim's explorer that shows it: metrics or images."""
    name: str
    """What it is called in Aim."""
    state: dict[str, Any]
    """What is chosen there, in Aim's own form; all else is as Aim has it by default."""

    @property
    def id(self) -> str:
        """What Aim knows it by, in every repository."""
        return str(uuid5(NAMESPACE_URL, f"gankit ui {self.key}"))

    @property
    def about(self) -> str:
        """Its description, which tells whether Aim holds it in this very version."""
        return f"{self.mark}{hashlib.sha256(json.dumps(self, sort_keys=True).encode()).hexdigest()[:8]})"

    @property
    def mark(self) -> str:
        """How its description begins in all versions."""
        return f"by gankit ui ({self.key} "

    def within(self, folder: Path) -> Bookmark:
        """The bookmark of the runs in `folder` alone, as a view of its own."""
        ours = f'f"{{run.folder}}/".startswith({f"{folder}/"!r})'
        select = _query(f"{self.state['select']['advancedQuery']} and {ours}")
        where, state = printable(str(folder)), {**self.state, "select": select}
        return self._replace(key=f"{where}: {self.key}", name=f"{self.name} in {printable(folder.name)}", state=state)


STUDY, VARIANT, SEED = (f"run.params.{name}" for name in ("study", "variant", "seed"))
NAME, RESOLUTION, STAGE = "name", "context.resolution", "context.stage"
MEAN, MIN_TO_MAX = 0, 1
"""Numbers that Aim's user interface has for a group's line and for the band around it."""


def _query(text: str) -> dict[str, Any]:
    return {"advancedMode": True, "advancedQuery": text}


def _sorted_by(**orders: str) -> list[dict[str, str]]:
    fields = {
        "study": STUDY,
        "variant": VARIANT,
        "seed": SEED,
        "resolution": RESOLUTION,
        "stage": STAGE,
        "metric": NAME,
        "step": "step",
    }
    return [{"value": fields[name], "label": name, "group": "", "order": order} for name, order in orders.items()]


AGGREGATED = {"methods": {"line": MEAN, "area": MIN_TO_MAX}, "isApplied": True, "isEnabled": True}


def of_metric(name: str, is_log: bool = True, has_names: bool = False) -> Bookmark:
    """One chart for each stage of a study; each variant's mean over the seeds, with the band from least to most.

    Numbers of the cheaper protocol stand in the same chart, dashed. Stages are told apart by their resolutions, and if
    any has one by their names.
    """
    stage = {"resolution": RESOLUTION, **({"stage": STAGE} if has_names else {})}
    orders = {"study": "asc", **dict.fromkeys(stage, "asc"), "metric": "asc", "variant": "asc", "seed": "asc"}
    return Bookmark(
        name,
        "metrics",
        f"{name} by variant and stage",
        {
            "select": _query(f"metric.name in {(name, name + QUICK)}"),
            # titles are cut short: the resolution first
            "grouping": {"color": [VARIANT], "stroke": [NAME], "chart": [*stage.values(), STUDY]},
            "chart": {
                "aggregationConfig": AGGREGATED,
                "axesScaleType": {"yAxis": "log" if is_log else "linear"},
                "ignoreOutliers": False,  # it would cut off what begins at 100 and ends near 1
                "tooltip": {"selectedFields": [SEED]},
            },
            # charts stand in the order of the table
            "table": {
                "sortFields": _sorted_by(**orders),
                "height": "0.65",
            },
        },
    )


LOSSES = Bookmark(
    "losses",
    "metrics",
    "Losses by variant",
    {
        "select": _query('metric.name.startswith("loss.")'),
        "grouping": {"color": [VARIANT], "chart": [NAME, STUDY]},
        "chart": {"aggregationConfig": AGGREGATED, "tooltip": {"selectedFields": [SEED]}},
        "table": {"sortFields": _sorted_by(study="asc", metric="asc", variant="asc", seed="asc"), "height": "0.65"},
    },
)
"""One chart for each loss of a study over the whole run."""

SAMPLES = Bookmark(
    "samples",
    "images",
    "Samples by variant",
    {
        "select": _query('images.name == "samples"'),
        "grouping": {"row": [STUDY, VARIANT]},
        "images": {
            "sortFields": _sorted_by(resolution="desc", step="desc", seed="asc"),
            "additionalProperties": {"mediaItemSize": 16},  # percent of the height
            "tooltip": {"selectedFields": [SEED]},
        },
        "table": {"resizeMode": "hide"},
    },
)
"""A row for each variant of a study: sample grids of all seeds, the last first, and back through the stages."""

PUT_NAME = """
INSERT INTO dashboards (uuid, name, description, created_at, updated_at, is_archived)
VALUES (:id, :name, :about, :now, :now, 0) ON CONFLICT (uuid) DO UPDATE
SET name = :name, description = :about, updated_at = :now, is_archived = 0 WHERE description != :about OR is_archived
"""
PUT_AWAY = """
UPDATE dashboards SET is_archived = 1
WHERE uuid != :id AND instr(description, :mark) = 1 AND length(description) = length(:about)
"""
PUT_VIEW = """
INSERT OR REPLACE INTO explore_states (uuid, type, state, created_at, updated_at, is_archived, dashboard_id)
VALUES (:id, :page, :state, :now, :now, 0, :id)
"""


def views(runs: Sequence[RunResults], folder: Path | None = None) -> list[Bookmark]:
    """What there is to look at of some runs: their metrics, the usual one first, which is to open, losses and samples.

    Args:
        runs: All that will be seen; none: they cannot be read, and may have any metric.
        folder: The folder that they are in; None: all of a repository.
    """
    usual = usual_metric(runs)
    names = sorted(metric_names(runs), key=lambda name: name != usual) if runs else [USUAL_METRIC]
    has_names = any(name for run in runs for name in run.names.values())
    found = [*(of_metric(name, _can_be_log(name, runs), has_names) for name in names), LOSSES, SAMPLES]
    return found if folder is None else [view.within(folder) for view in found]


def _can_be_log(name: str, runs: Sequence[RunResults]) -> bool:
    """Whether the least differences of a metric are the ones to see: it is better if lower, and never 0 or below."""
    rows = [row for run in runs for row in run.rows if row.name in (name, name + QUICK) and row.protocol is not None]
    return all((row.protocol or {}).get("better") != "higher" and not row.value <= 0 for row in rows)


def paths_in(repository: Path, bookmarks: Sequence[Bookmark]) -> dict[str, str]:
    """Where Aim shows bookmarks, by their names; those are put there that are missing, or in another version there.

    One that its user has changed in Aim stays so until gankit's own version is another.

    Args:
        repository: A folder called .aim whose user interface has been started once.
        bookmarks: What is to be there.

    Raises:
        sqlite3.Error: if the database of Aim's user interface cannot be written to.
    """
    with closing(sqlite3.connect(repository / "aim_db", timeout=30)) as database, database:
        for bookmark in bookmarks:
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            names = {"id": bookmark.id, "about": bookmark.about, "mark": bookmark.mark, "now": now}
            values = {"name": bookmark.name, "page": bookmark.page, "state": json.dumps(bookmark.state), **names}
            database.execute(PUT_AWAY, values)  # earlier versions of gankit let Aim choose ids
            if database.execute(PUT_NAME, values).rowcount:
                database.execute(PUT_VIEW, values)
    return {bookmark.name: f"/{bookmark.page}/{bookmark.id}" for bookmark in bookmarks}
