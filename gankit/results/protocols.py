"""What must be equal for numbers to be comparable, what a number is said to measure, and which speaks for a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gankit.core.errors import UserError
from gankit.evaluation.names import FLOOR, GENERATED, NO_EXTRACTOR, QUICK, USUAL_METRIC, is_spread, suffix_of
from gankit.kinds.callbacks import Row
from gankit.results.run_results import RunResults, StageMetrics

RESIZED = "resized"
"""What a protocol calls how images of a folder were brought to the size at which they were asked to be measured."""
MADE_GREY = "made grey"
"""What a protocol calls how many files in colour of a folder were compared with grey images."""
ENLARGED = "compared with"
"""What a protocol says of real images that are smaller than they were compared at."""
CONVERSIONS = (RESIZED, MADE_GREY, ENLARGED)
"""What was done to images so that a folder could be compared with reals."""
NOT_COMPARED = frozenset({"resolution", *CONVERSIONS})
"""Keys of a protocol that may differ: they follow from where in a run it was measured, or stand under the table."""
DESCRIBES_THE_METRIC = frozenset({"metric", "version", "better", "of", "class"})
"""Keys of a protocol that say what was computed, not with what."""
COUNTS = ("images", "reals")
"""Keys of a protocol that say of how many images a number is; of floors they may be fewer."""
MOST_DIFFERENCES = 4
"""Of protocols that are named."""


class UnlikeRunsError(UserError):
    """Runs that should stand side by side were measured differently."""


def refuse_unlike_protocols(runs: Sequence[RunResults], metrics: Collection[str] | None = None) -> None:
    """Numbers are comparable only if they were measured alike; those of `metrics` are looked at, by default all.

    Raises:
        UnlikeRunsError: naming the first differences between protocols of one metric at one resolution.
    """
    differences: dict[tuple[str, str, str], tuple[str, dict[str, None]]] = {}
    first: dict[tuple[int, str], tuple[RunResults, dict[str, Any]]] = {}
    for run, stage, row in measured(runs):
        if metrics is not None and row.name not in metrics:
            continue
        other, expected = first.setdefault((stage.resolution, row.name), (run, compared_protocol(row)))
        found = compared_protocol(row)
        for key in expected | found:
            if expected.get(key) != found.get(key):
                here, there = str(expected.get(key, "none")), str(found.get(key, "none"))
                said = f"{key}: {here} in {other.path}, {there} in {run.path}"
                _, where = differences.setdefault((key, here, there), (said, {}))  # of many runs the first are named
                where[f"{row.name} at {stage.label}"] = None
    if differences:
        lines = [
            f"  {difference} ({next(iter(where))}{f' and {len(where) - 1} more' if len(where) > 1 else ''})"
            for difference, where in differences.values()
        ]
        hidden = len(lines) - MOST_DIFFERENCES
        more = [f"  and {hidden} more differences"] if hidden > 1 else lines[MOST_DIFFERENCES:]
        shown = [*lines[:MOST_DIFFERENCES], *more]
        raise UnlikeRunsError("these runs were measured differently and cannot be compared:\n" + "\n".join(shown))


def measured(runs: Iterable[RunResults]) -> Iterator[tuple[RunResults, StageMetrics, Row]]:
    """Every metric of the last evaluation of every stage."""
    return ((run, stage, row) for run in runs for stage in run.stages for row in stage.metrics.values())


def of_reals(row: Row) -> bool:
    """Whether a metric measures nothing but reals, as noise floors and yardsticks do."""
    return (row.protocol or {}).get("of", GENERATED) != GENERATED


def metric_names(runs: Iterable[RunResults]) -> list[str]:
    """The metrics of generated images that any run has, be it by the cheaper protocol, in the order of its experiment.

    Those that only say how sure another one is are left out.
    """
    found: dict[str, None] = {}
    for run in runs:
        names = dict.fromkeys(row.name for row in run.rows if row.protocol is not None and not of_reals(row))
        found |= {name.removesuffix(QUICK): None for name in names if not is_spread(name, names)}
    return list(found)


def usual_metric(runs: Sequence[RunResults]) -> str | None:
    """The metric by which runs are shown if none is asked for; None if nothing was measured yet.

    That is the first of the experiment which there is at the end of every stage, fid before all others.
    """
    ends: dict[str, set[str]] = {}
    for stage in (stage for run in runs for stage in run.stages if stage.complete):
        ends.setdefault(stage.label, set()).update(stage.metrics)
    names = sorted(metric_names(runs), key=lambda name: name != USUAL_METRIC)
    everywhere = (name for name in names if all(name in metrics for metrics in ends.values()))
    return next(everywhere, names[0] if names else None)


def floor_of(row: Row) -> str:
    """What the noise floor of a number is called: of all generators the same, as it is of reals alone."""
    return row.name.removesuffix(suffix_of((row.protocol or {}).get("generator", "average"))) + FLOOR


def shown_name(name: str, protocol: Mapping[str, Any] | None) -> str:
    """The name of a number, and the class that it is of, if it is of one."""
    return name if protocol is None or "class" not in protocol else f"{name} ({protocol['class']})"


def surroundings(rows: Iterable[Row]) -> str:
    """What the metrics among `rows` share of what they were measured with, in words; of floors their own counts."""
    rows = [row for row in rows if row.protocol is not None]
    generated, reals = (_counts(row for row in rows if of_reals(row) is among) for among in (False, True))
    shared = {key: value for key, value in common_protocol(rows).items() if key not in COUNTS}
    around = [f"{key} {value}" for key, value in shared.items() if key.partition(".")[0] not in DESCRIBES_THE_METRIC]
    floors = [f"floors of {reals}"] if reals not in ("", generated) else []
    seen = [] if "extractor" in shared else _extractors(rows)
    return ", ".join([*([generated] if generated else []), *floors, *seen, *around])


def _extractors(rows: Iterable[Row]) -> list[str]:
    """The extractors of those numbers that have one, each with the first of these."""
    through: dict[str, str] = {}
    for row in rows:
        if (extractor := (row.protocol or {}).get("extractor", NO_EXTRACTOR)) != NO_EXTRACTOR:
            through.setdefault(extractor, row.name)
    return [f"extractor {extractor} ({name})" for extractor, name in through.items()]


def _counts(rows: Iterable[Row]) -> str:
    """Of how many images numbers are and with how many reals they compare these, in words; the least and the most."""
    protocols = [row.protocol or {} for row in rows]
    found = {key: sorted({count for one in protocols if (count := one.get(key))}) for key in COUNTS}
    ends = {key: dict.fromkeys((some[0], some[-1])) for key, some in found.items() if some}
    return ", ".join(f"{key} {' to '.join(map(str, both))}" for key, both in ends.items())


def other_count(floor: Mapping[str, Any], number: Mapping[str, Any]) -> str:
    """Of how many images a noise floor is, in words, if not of as many as its number; empty if it is."""
    few, many = floor.get("images"), number.get("images")
    return "" if few is None or many is None or few == many else f" of {few:,} images, not {many:,}"


def unlike_floors(pairs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    """What is to be said of noise floors that are of other numbers of images than their numbers are.

    Args:
        pairs: The protocols of a floor and of its number.
    """
    counts = {(floor["images"], number["images"]) for floor, number in pairs if other_count(floor, number)}
    return [
        f"noise floors are of {floor:,} images, for there are no more to hold out, and the numbers beside them of "
        f"{number:,}: do not hold one against the other; with evaluation.images: {floor} (gankit evaluate --images "
        f"{floor}) both are of as many"
        for floor, number in sorted(counts)
    ]


def common_protocol(rows: Iterable[Row]) -> dict[str, Any]:
    """What the metrics among `rows` share of how they were measured, by dotted keys."""
    first, *others = [compared_protocol(row) for row in rows if row.protocol is not None] or [{}]
    return {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}


def compared_protocol(row: Row) -> dict[str, Any]:
    """What must be equal for two numbers to be comparable, by dotted keys."""
    return {key: value for key, value in flattened(row.protocol or {}) if key not in NOT_COMPARED}


def flattened(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in mappings inside one another, by dotted keys."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
