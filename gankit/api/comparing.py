"""Comparing from Python."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from gankit.core.failures import warn
from gankit.results.comparison import compare_runs
from gankit.results.export import COLUMNS, comparison_lines
from gankit.results.finder import gather_readable
from gankit.results.frame import in_a_frame


def compare(
    places: str | PathLike[str] | Sequence[str | PathLike[str]] = "runs",
    metric: str | Sequence[str] = (),
    *,
    baseline: str | None = None,
    holm: bool = False,
) -> Any:
    """Variants side by side at the end of each stage, as `gankit compare` has them.

    Args:
        places: Runs, studies, folders above either, or files of studies.
        metric: By which metric or metrics; default: FID, if it was measured.
        baseline: The variant that others are compared with; default: the first.
        holm: Correct verdicts for the number of variants.

    Returns:
        A pandas.DataFrame, or a list of dicts where pandas is not installed, of a row for each metric, stage and
        variant: metric, resolution (pixels), stage (its name), variant, is_baseline, seeds (of the variant), n (those
        with a finite number), images (real ones shown), mean, std and the 95% interval low to high over seeds, best (of
        a single seed), floor (the metric between two sets of reals); and beside the baseline difference with its
        interval difference_low to difference_high, p, p_holm, method, verdict, and detectable, the least difference
        that so many seeds would have shown.

    Raises:
        UserError: if there is no run, no such metric or variant, or numbers were measured differently.
    """
    named = [places] if isinstance(places, str | PathLike) else places
    runs, damaged = gather_readable([Path(place) for place in named] or [Path("runs")])
    for one in damaged:
        warn(str(one))
    metrics = [metric] if isinstance(metric, str) else metric
    return in_a_frame(comparison_lines(compare_runs(runs, metrics, baseline, holm, damaged)), COLUMNS)
