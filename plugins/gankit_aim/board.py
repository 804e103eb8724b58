"""The views of Aim that gankit brings along: bookmarks, kept in Aim's own form."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple


class Bookmark(NamedTuple):
    """A view of Aim's user interface under a name."""

    key: str
    """What gankit knows it by, whatever it is called."""
    page: str
    """Aim's explorer that shows it: metrics or images."""
    name: str
    """What it is called in Aim."""
    state: dict[str, Any]
    """What is chosen there; all else is as Aim has it by default."""

    @property
    def about(self) -> str:
        """Its description, which tells whether Aim holds it in this very version."""
        content = json.dumps(self, sort_keys=True).encode()
        return f"{self.mark}{hashlib.sha256(content).hexdigest()[:8]})"

    @property
    def mark(self) -> str:
        """How its description begins in all versions."""
        return f"by gankit ui ({self.key} "


STUDY, VARIANT, SEED = (f"run.params.{name}" for name in ("study", "variant", "seed"))
RESOLUTION = "context.resolution"
STEP = "step"

MEAN, MIN_TO_MAX = 0, 1
"""Numbers that Aim's user interface has for a group's line and for the band around it."""


def _query(text: str) -> dict[str, Any]:
    return {"advancedMode": True, "advancedQuery": text}


def _sorted_by(**orders: str) -> list[dict[str, str]]:
    fields = {"study": STUDY, "variant": VARIANT, "seed": SEED, "resolution": RESOLUTION, "step": STEP}
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

BOOKMARKS = (FID, SAMPLES)
"""All of them; the first is what opens."""
