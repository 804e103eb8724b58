"""The views of Aim that gankit brings along: bookmarks, put into a repository once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5


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


STUDY, VARIANT, SEED = (f"run.params.{name}" for name in ("study", "variant", "seed"))
RESOLUTION = "context.resolution"
MEAN, MIN_TO_MAX = 0, 1
"""Numbers that Aim's user interface has for a group's line and for the band around it."""


def _query(text: str) -> dict[str, Any]:
    return {"advancedMode": True, "advancedQuery": text}


def _sorted_by(**orders: str) -> list[dict[str, str]]:
    fields = {"study": STUDY, "variant": VARIANT, "seed": SEED, "resolution": RESOLUTION, "step": "step"}
    return [{"value": fields[name], "label": name, "group": "", "order": order} for name, order in orders.items()]


FID = Bookmark(
    "fid",
    "metrics",
    "FID by variant and stage",
    {
        "select": _query('metric.name == "fid"'),
        "grouping": {"color": [VARIANT], "chart": [RESOLUTION, STUDY]},  # titles are cut short: the resolution first
        "chart": {
            "aggregationConfig": {"methods": {"line": MEAN, "area": MIN_TO_MAX}, "isApplied": True, "isEnabled": True},
            "axesScaleType": {"yAxis": "log"},  # what begins at 100 and ends near 1 differs at its end
            "ignoreOutliers": False,  # it would cut them off
            "tooltip": {"selectedFields": [SEED]},
        },
        # charts stand in the order of the table
        "table": {"sortFields": _sorted_by(study="asc", resolution="asc", variant="asc", seed="asc"), "height": "0.65"},
    },
)
"""One chart for each resolution of a study; each variant's mean over the seeds, with the band from least to most."""

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
PUT_AWAY = "UPDATE dashboards SET is_archived = 1 WHERE uuid != :id AND instr(description, :mark) = 1"
PUT_VIEW = """
INSERT OR REPLACE INTO explore_states (uuid, type, state, created_at, updated_at, is_archived, dashboard_id)
VALUES (:id, :page, :state, :now, :now, 0, :id)
"""

BOOKMARKS = (FID, SAMPLES)
"""All of them; the first is what opens."""


def paths_in(repository: Path, bookmarks: Sequence[Bookmark] = BOOKMARKS) -> dict[str, str]:
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
