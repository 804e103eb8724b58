"""A comparison as data: CSV for spreadsheets, JSON with everything."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from gankit.results.comparison import Comparison, StageComparison, VariantResult
from gankit.results.differences import differing
from gankit.results.significance import Interval
from gankit.runs.rows import number_as_json

COLUMNS = (
    *("metric", "resolution", "variant", "is_baseline", "seeds", "n", "images", "mean", "std", "low", "high", "best"),
    *("floor", "difference", "difference_low", "difference_high", "p", "p_holm", "method", "verdict", "detectable"),
)
"""Of the CSV: `n` of `seeds` gave a finite number; what is not known is left empty."""


def comparison_as_csv(comparison: Comparison) -> str:
    """One line for each metric, stage and variant, numbers in full."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for stage in comparison.stages:
        for standing in stage.standings:
            writer.writerow(_csv_line(stage, standing, comparison))
    return file.getvalue()


def _csv_line(stage: StageComparison, standing: VariantResult, comparison: Comparison) -> dict[str, Any]:
    summary, apart = standing.summary, standing.difference
    low, high = summary.interval or (None, None)
    line: dict[str, Any] = {
        "metric": stage.metric,
        "resolution": stage.resolution,
        "variant": standing.variant.label,
        "is_baseline": str(standing.variant is comparison.baseline).lower(),
        "seeds": summary.given,
        "n": summary.n,
        "images": max(one.images for one in standing.measured),
        "mean": summary.mean,
        "std": summary.std,
        "low": low,
        "high": high,
        "best": standing.best,
        "floor": stage.floor,
        "verdict": standing.verdict,
    }
    if apart is not None:
        low, high = apart.interval or (None, None)
        line |= {"difference": apart.value, "difference_low": low, "difference_high": high}
        line |= {"p": apart.p, "method": apart.method, "detectable": apart.detectable}
        line |= {"p_holm": standing.p} if comparison.is_corrected else {}
    return line


def comparison_as_json(comparison: Comparison) -> str:
    """Every number with its seeds, folders and protocol; numbers that JSON lacks are "nan", "inf" and "-inf"."""
    found = differing({variant.label: variant.options for variant in comparison.variants})
    content = {
        "metrics": comparison.metrics,
        "baseline": comparison.baseline.label,
        "holm": comparison.is_corrected,
        "variants": [
            {
                "variant": variant.label,
                "study": variant.study,
                "runs": [
                    {
                        "seed": run.seed,
                        "folder": str(run.path),
                        "images": run.cost.images,
                        "total": run.total,
                        "seconds": _number(run.cost.seconds),
                        "parameters": run.cost.parameters,
                    }
                    for run in variant.runs
                ],
                "differing": {path: by[variant.label] for path, by in found.items()},
            }
            for variant in comparison.variants
        ],
        "stages": [_json_stage(stage, comparison) for stage in comparison.stages],
        "unfinished": [
            {
                "variant": one.variant.label,
                "seed": one.run.seed,
                "folder": str(one.run.path),
                "state": one.state,
                "images": one.run.cost.images,
                "total": one.run.total,
                "last": [{**row._asdict(), "value": _number(row.value)} for row in one.last],
            }
            for one in comparison.unfinished
        ],
        "damaged": [{"folder": str(one.path), "reason": one.reason} for one in comparison.damaged],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _json_stage(stage: StageComparison, comparison: Comparison) -> dict[str, Any]:
    return {
        "metric": stage.metric,
        "resolution": stage.resolution,
        "better": stage.better,
        "floor": _number(stage.floor),
        "protocol": stage.protocol,
        "variants": [_json_standing(standing, comparison.is_corrected) for standing in stage.standings],
    }


def _json_standing(standing: VariantResult, is_corrected: bool) -> dict[str, Any]:
    apart = standing.difference
    return {
        "variant": standing.variant.label,
        "n": standing.summary.n,
        "mean": _number(standing.summary.mean),
        "std": _number(standing.summary.std),
        "interval": _interval(standing.summary.interval),
        "best": _number(standing.best),
        "seeds": [
            {"seed": one.seed, "value": _number(one.value), "images": one.images, "folder": str(one.path)}
            for one in standing.measured
        ],
        "difference": None
        if apart is None
        else {
            "value": _number(apart.value),
            "interval": _interval(apart.interval),
            "method": apart.method,
            "p": _number(apart.p),
            **({"p_holm": _number(standing.p)} if is_corrected else {}),
            "detectable": _number(apart.detectable),
        },
        "verdict": standing.verdict,
    }


def _number(value: float | None) -> float | str | None:
    return None if value is None else number_as_json(value)


def _interval(interval: Interval | None) -> list[float | str] | None:
    return None if interval is None else [number_as_json(end) for end in interval]
