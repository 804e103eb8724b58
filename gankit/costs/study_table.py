"""What a study costs as a table, as JSON and as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gankit.core.memory import bytes_in_words
from gankit.costs.estimate import notes_of, pace_of
from gankit.costs.study import VariantEstimate
from gankit.costs.table import (
    all_take,
    estimate_as_json,
    estimate_table,
    largest,
    stages_too_large,
    time_in_words,
    warnings_of,
)
from gankit.results.tables import ABSENT, Column, Section, text_columns

COLUMNS = [*text_columns("variant"), *(Column(name) for name in ("runs", "memory", "a run takes", "all take"))]


def study_table(name: str, variants: Sequence[VariantEstimate]) -> Section:
    """A row a variant; a single variant stage by stage."""
    in_all = _total(variants)
    if len(variants) == 1:
        [only] = variants
        whole = estimate_table(only.estimate)
        return Section(only.name, whole.columns, whole.rows, [*whole.notes, f"{only.name}: {in_all}"])
    lacks = any(each.estimate.too_large for each in variants)
    columns = COLUMNS + (text_columns("will not fit") if lacks else [])
    rows = [_row(each) + ([_lacking(each)] if lacks else []) for each in variants]
    first = variants[0].estimate
    machines = dict.fromkeys(each.estimate.machine for each in variants)
    sources = (
        f"Measured here, on {' and '.join(machines)}; what begins with ~ is extrapolated from that. memory: the most "
        f"that {'is held of the GPU' if first.on_gpu else 'the process holds'}."
    )
    shown = "With --only VARIANT one is shown stage by stage."
    return Section(name, columns, rows, [in_all, sources, shown, *notes_of([each.estimate for each in variants])])


def _row(variant: VariantEstimate) -> list[str]:
    most, guess = largest(variant.estimate.phases), _guess([variant])
    memory = ABSENT
    if most is not None:
        memory = ("~" if most.memory_is == "extrapolated" else "") + bytes_in_words(most.memory or 0)
    times = [f"{guess}{time_in_words(seconds)}" for seconds in (variant.estimate.seconds, variant.seconds)]
    return [variant.name, str(len(variant.seeds)), memory, *times]


def _lacking(variant: VariantEstimate) -> str:
    labels = [each.phase.label for each in stages_too_large(variant.estimate)]
    return ", ".join(labels) if labels else ABSENT


def _total(variants: Sequence[VariantEstimate]) -> str:
    runs, images = sum(len(each.seeds) for each in variants), sum(each.images for each in variants)
    pace = pace_of([each.estimate for each in variants])
    takes = all_take(sum(each.seconds for each in variants), _guess(variants), pace)
    of = f" of {len(variants)} variants" if len(variants) > 1 else ""
    return f"{takes} for {runs} run{'s' * (runs > 1)}{of}, {images:,} images, one run after the other."


def _guess(variants: Sequence[VariantEstimate]) -> str:
    """What begins a time that is extrapolated."""
    phases = [phase for each in variants for phase in each.estimate.phases]
    return "~" if any(phase.time_is == "extrapolated" for phase in phases) else ""


def warnings_of_study(variants: Sequence[VariantEstimate]) -> Iterator[str]:
    """The stages that do not fit into memory, by variant, and what to do."""
    return (f"{each.name}: {warning}" for each in variants for warning in warnings_of(each.estimate))


def study_as_json(name: str, variants: Sequence[VariantEstimate]) -> dict[str, Any]:
    """All that is known of each variant, and totals of all runs."""
    evaluations = [(len(each.seeds), each.estimate.evaluation) for each in variants]
    unknown = any(evaluation.seconds is None for _, evaluation in evaluations)
    seconds = sum(count * (evaluation.seconds or 0.0) for count, evaluation in evaluations)
    images = sum(count * evaluation.images for count, evaluation in evaluations)
    return {
        "name": name,
        "machine": variants[0].estimate.machine,
        "memory": variants[0].estimate.memory,
        "seconds": sum(each.seconds for each in variants),
        "phases": [],
        "evaluation": {"seconds": None if unknown else seconds, "images": images},
        "too_large": [],
        "would_fit": [],
        "notes": notes_of([each.estimate for each in variants]),
        "variants": [_variant_as_json(each) for each in variants],
    }


def _variant_as_json(variant: VariantEstimate) -> dict[str, Any]:
    whole, most = estimate_as_json(variant.estimate), largest(variant.estimate.phases)
    del whole["machine"], whole["variants"]
    return {
        **whole,
        "name": variant.name,
        "seeds": list(variant.seeds),
        "memory": None if most is None else most.memory,
    }
