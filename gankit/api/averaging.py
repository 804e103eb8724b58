"""Averages chosen after training, measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.api.measurement import ProtocolOptions, measure_subjects, subject_of
from gankit.generators.averaging import averages_of

if TYPE_CHECKING:
    from gankit.results.run_results import RunResults


def measure_averages(
    path: Path, lengths: Sequence[float], protocol: ProtocolOptions, say: Callable[[str], None] = lambda _: None
) -> list[RunResults]:
    """The metrics of a run's averages of these lengths, made of its snapshots; each is called after its length.

    Raises:
        UserError: if there are too few snapshots for one of the lengths, or data or weights cannot be had.
    """
    made = averages_of(path, lengths)
    named = {Path(f"length {length:g}"): its.generator for length, its in zip(lengths, made, strict=True)}
    return measure_subjects(
        [subject_of(generator, protocol, name) for name, generator in named.items()], protocol.images, say
    )
