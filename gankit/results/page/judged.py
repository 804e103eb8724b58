"""Whether discriminators have learned their reals by heart, as runs were asked to record."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.results.groups import RunGroup
from gankit.results.run_results import RunResults
from gankit.results.tables import ABSENT, Column, Section, significant, text_columns

COLUMNS = {
    "judged.training": "trained on",
    "judged.held-out": "held out",
    "judged.generated": "generated",
    "judged.overfitting": "overfitting",
    "gradient.discriminator": "gradient of D",
    "gradient.generator": "gradient of G",
}
"""The numbers of a run, and what stands above them."""
NOTES = (
    "mean scores of the discriminator: of reals that it is trained on, of held-out reals of the data set's test part, "
    "and of generated images",
    "overfitting: how far held-out reals have come towards generated ones; 0: it tells nothing by heart, 1: it takes "
    "unseen reals for fakes, and the generator learns from a judge that knows its images one by one",
    "gradients: lengths of the losses' gradients; one near 0 teaches nothing more, and one "
    "that grows without end comes before a breakdown",
)


def judged_table(variants: Sequence[RunGroup]) -> Section | None:
    """A line for each stage of each run, of the last that was recorded in it; None if nothing was."""
    rows = [[variant.called(run), *line] for variant in variants for run in variant.runs for line in _lines(run)]
    columns = [*text_columns("run", "stage"), Column("images"), *map(Column, COLUMNS.values())]
    return Section("What the discriminator makes of unseen reals", columns, rows, list(NOTES)) if rows else None


def _lines(run: RunResults) -> list[list[str]]:
    last: dict[str, dict[str, float]] = {}
    images: dict[str, int] = {}
    for row in run.rows:
        if row.name in COLUMNS:
            last.setdefault(run.label_at(row), {})[row.name] = row.value
            images[run.label_at(row)] = row.images
    return [
        [label, f"{images[label]:,}", *(significant(found[name]) if name in found else ABSENT for name in COLUMNS)]
        for label, found in last.items()
    ]
