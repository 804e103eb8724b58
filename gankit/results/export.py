"""A comparison as data: CSV for spreadsheets, JSON with everything."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from unicodedata import normalize

from gankit.core.text import printable
from gankit.results.comparison import Comparison, StageComparison, VariantResult
from gankit.results.differences import differing
from gankit.results.groups import told_apart_by
from gankit.runs.rows import number_as_json

COLUMNS = (
    *("metric", "resolution", "stage", "variant", "is_baseline", "seeds", "n", "images", "mean", "std", "low", "high"),
    *("rank_low", "rank_high"),
    *("best", "floor", "difference", "difference_low", "difference_high", "p", "p_holm", "method", "verdict"),
    "detectable",
)
"""Of the CSV: `n` of `seeds` gave a finite number; what is not known is empty. `stage` is there with names alone."""
FORMULA = "=+-@\t"
"""What a cell begins with that spreadsheets compute."""


def comparison_as_csv(comparison: Comparison) -> str:
    """One line for each metric, stage and variant, numbers in full."""
    file = io.StringIO()
    named = any(stage.name for stage in comparison.stages)
    columns = [column for column in COLUMNS if named or column != "stage"]
    writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for line in comparison_lines(comparison):
        line["is_baseline"] = str(line["is_baseline"]).lower()
        writer.writerow({key: _as_cell(value) if isinstance(value, str) else value for key, value in line.items()})
    return file.getvalue()


def comparison_lines(comparison: Comparison) -> list[dict[str, Any]]:
    """What each variant has come to by each metric at each stage, by `COLUMNS`; None for what is not known."""
    return [_line(stage, result, comparison) for stage in comparison.stages for result in stage.results]


def _as_cell(text: str) -> str:
    """Text that no spreadsheet computes: names are those of others' folders, and `=HYPERLINK(...)` would be run.

    Source: OWASP, CSV Injection.
    """
    text = printable(text)
    first = normalize("NFKC", text[:1])  # some take full-width signs for the plain ones
    return f"'{text}" if first and first in FORMULA else text


def _line(stage: StageComparison, result: VariantResult, comparison: Comparison) -> dict[str, Any]:
    summary, apart = result.summary, result.difference
    low, high = summary.interval or (None, None)
    line = dict.fromkeys(COLUMNS) | {"metric": stage.metric, "resolution": stage.resolution, "stage": stage.name}
    line |= {"variant": result.variant.label}
    line |= {"is_baseline": result.variant is comparison.baseline, "seeds": summary.given, "n": summary.n}
    line |= {"images": max(one.images for one in result.seeds), "mean": summary.mean, "std": summary.std}
    line |= {"low": low, "high": high, "best": result.best, "floor": stage.floor, "verdict": result.verdict}
    if result.rank is not None:
        line |= {"rank_low": result.rank.low, "rank_high": result.rank.high}
    if apart is not None:
        line |= {"difference": apart.value, "p": apart.p, "method": apart.method, "detectable": apart.detectable}
        low, high = apart.interval or (None, None)
        line |= {"difference_low": low, "difference_high": high}
        line |= {"p_holm": result.p} if comparison.is_corrected else {}
    return line


def comparison_as_json(comparison: Comparison) -> str:
    """Every number with its seeds, folders and protocol; numbers that JSON lacks are "nan", "inf" and "-inf"."""
    found = differing(told_apart_by(comparison.variants))
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
                        "seconds": run.cost.seconds,
                        "cpu_seconds": run.cost.cpu_seconds,
                        **run.cost.joules,
                        "parameters": run.cost.parameters,
                    }
                    for run in variant.runs
                ],
                "differing": {path: by[variant.label] for path, by in found.items()},
            }
            for variant in comparison.variants
        ],
        "stages": [
            {
                "metric": stage.metric,
                "resolution": stage.resolution,
                **({"stage": stage.name} if stage.name else {}),
                "better": stage.better,
                "floor": stage.floor,
                "protocol": stage.protocol,
                "floor_protocol": stage.floor_protocol,
                "first_place": stage.first,
                "variants": [_result(result, comparison.is_corrected) for result in stage.results],
            }
            for stage in comparison.stages
        ],
        "unfinished": [
            {
                "variant": one.variant.label,
                "seed": one.run.seed,
                "folder": str(one.run.path),
                "state": one.state,
                "images": one.run.cost.images,
                "total": one.run.total,
                "last": [row._asdict() for row in one.last],
            }
            for one in comparison.unfinished
        ],
        "unmeasured": [
            {"variant": one.variant.label, "seed": one.run.seed, "folder": str(one.run.path), "lacks": one.lacks}
            for one in comparison.unmeasured
        ],
        "damaged": [{"folder": str(one.path), "reason": one.reason} for one in comparison.damaged],
        **{
            what: [
                {"folder": str(run.path), "reason": reason}
                for variant in comparison.variants
                for run in variant.runs
                if (reason := getattr(run, what)) is not None
            ]
            for what in ("restored", "changed")
        },
    }
    return json.dumps(_in_json(content), indent=2, allow_nan=False) + "\n"


def _result(result: VariantResult, is_corrected: bool) -> dict[str, Any]:
    summary, apart, difference = result.summary, result.difference, None
    if apart is not None:
        difference = {"value": apart.value, "interval": apart.interval, "method": apart.method, "p": apart.p}
        difference |= {"p_holm": result.p} if is_corrected else {}
        difference |= {"detectable": apart.detectable}
    return {
        "variant": result.variant.label,
        "n": summary.n,
        "mean": summary.mean,
        "std": summary.std,
        "interval": summary.interval,
        "best": result.best,
        "rank": result.rank,
        "seeds": [
            {"seed": one.seed, "value": one.value, "images": one.images, "folder": str(one.path)}
            for one in result.seeds
        ],
        "difference": difference,
        "verdict": result.verdict,
    }


def _in_json(value: Any) -> Any:
    """Plain values with words for the numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _in_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_json(item) for item in value]
    return number_as_json(value) if isinstance(value, float) else value
