"""What must be equal for numbers to be comparable, and what a number is said to measure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gankit.core.errors import UserError
from gankit.kinds.callbacks import Row
from gankit.results.run_results import RunResults, StageMetrics

GENERATED = "generated"
"""What a protocol's `of` says of numbers that measure generated images."""
DESCRIBES_THE_STAGE = frozenset({"resolution"})
"""Keys of a protocol that follow from where in a run it was measured."""
DESCRIBES_THE_METRIC = frozenset({"metric", "version", "better", "of"})
"""Keys of a protocol that say what was computed, not with what."""


def refuse_unlike_protocols(runs: Sequence[RunResults], metrics: Collection[str] | None = None) -> None:
    """Numbers are comparable only if they were measured alike; those of `metrics` are looked at, by default all.

    Raises:
        UserError: naming every difference between protocols of one metric at one resolution.
    """
    differences: dict[str, list[str]] = {}
    first: dict[tuple[int, str], tuple[RunResults, dict[str, Any]]] = {}
    for run, stage, row in measured(runs):
        if metrics is not None and row.name not in metrics:
            continue
        other, expected = first.setdefault((stage.resolution, row.name), (run, _protocol(row)))
        found = _protocol(row)
        for key in expected | found:
            if expected.get(key) != found.get(key):
                values = f"{expected.get(key, 'none')} in {other.path}, {found.get(key, 'none')} in {run.path}"
                differences.setdefault(f"{key}: {values}", []).append(f"{row.name} at {stage.size}")
    if differences:
        lines = [
            f"  {difference} ({where[0]}{f' and {len(where) - 1} more' if where[1:] else ''})"
            for difference, where in differences.items()
        ]
        raise UserError("these runs were measured differently and cannot be compared:\n" + "\n".join(lines))


def measured(runs: Iterable[RunResults]) -> Iterator[tuple[RunResults, StageMetrics, Row]]:
    """Every metric of the last evaluation of every stage."""
    return ((run, stage, row) for run in runs for stage in run.stages for row in stage.metrics.values())


def of_reals(row: Row) -> bool:
    """Whether a metric measures nothing but reals, as noise floors and yardsticks do."""
    return (row.protocol or {}).get("of", GENERATED) != GENERATED


def surroundings(rows: Iterable[Row]) -> str:
    """What the metrics among `rows` share of what they were measured with, in words."""
    shared = common_protocol(rows)
    around = {key: value for key, value in shared.items() if key.partition(".")[0] not in DESCRIBES_THE_METRIC}
    return ", ".join(f"{key} {value}" for key, value in around.items())


def common_protocol(rows: Iterable[Row]) -> dict[str, Any]:
    """What the metrics among `rows` share of how they were measured, by dotted keys."""
    first, *others = [_protocol(row) for row in rows if row.protocol is not None] or [{}]
    return {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}


def _protocol(row: Row) -> dict[str, Any]:
    """What must be equal for two numbers to be comparable, by dotted keys."""
    return {key: value for key, value in flattened(row.protocol or {}) if key not in DESCRIBES_THE_STAGE}


def flattened(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in mappings inside one another, by dotted keys."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
