"""Where two runs part: the first numbers that are not the same, and all that may be why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from gankit.results.differences import differing
from gankit.results.run_results import RunResults
from gankit.results.tables import ABSENT, Column, Report, Section, text_columns
from gankit.runs.provenance import decisive, recorded_provenance

MOST_NUMBERS = 5
"""Most numbers shown of those that differ at once."""


class UnlikeNumber(NamedTuple):
    """A number of which two runs do not have the same."""

    name: str
    here: float | None
    """None: it is recorded in the other run alone."""
    there: float | None


@dataclass(frozen=True)
class Parting:
    """What two runs have in common, and where that ends."""

    runs: tuple[RunResults, RunResults]
    same: int
    """How many numbers are the same, up to where they part or the shorter one ends."""
    until: int
    """Images shown at the last of these; 0 if there is none."""
    at: int | None
    """Images shown at the first number that is not; None if all are the same."""
    numbers: list[UnlikeNumber]
    """All that differ there, in the order in which they were recorded."""
    options: dict[str, dict[str, str]]
    """Options of the experiments that differ: by path the value of each run, called here and there."""
    origin: dict[str, dict[str, str]]
    """Differences of code, versions and hardware: by path the value of each run, called here and there."""


def parting(here: RunResults, there: RunResults) -> Parting:
    """Where two runs part.

    Raises:
        UserError: if it cannot be read where one of them comes from.
    """
    ours, theirs = _numbers(here), _numbers(there)
    common = min(max((key[0] for key in numbers), default=0) for numbers in (ours, theirs))
    keys = sorted({key for key in (*ours, *theirs) if key[0] <= common}, key=lambda key: key[0])
    at = next((key[0] for key in keys if not _equal(ours.get(key), theirs.get(key))), None)
    before = [images for images, _ in keys if at is None or images < at]
    numbers = [
        UnlikeNumber(key[1], ours.get(key), theirs.get(key))
        for key in keys
        if key[0] == at and not _equal(ours.get(key), theirs.get(key))
    ]
    options = differing({"here": here.options, "there": there.options})
    return Parting((here, there), len(before), max(before, default=0), at, numbers, options, _origin(here, there))


def _numbers(run: RunResults) -> dict[tuple[int, str], float]:
    """What was recorded, by images shown and name; how often an event was told is none of it."""
    return {(row.images, row.name): row.value for row in run.rows if row.note is None}


def _equal(one: float | None, other: float | None) -> bool:
    """Whether numbers are the same to the bit, or both are none or not a number."""
    if one is None or other is None:
        return one is other
    return one == other or (math.isnan(one) and math.isnan(other))


def _origin(here: RunResults, there: RunResults) -> dict[str, dict[str, str]]:
    """What decides the last bits and is not the same."""
    ours, theirs = (_decisive(run) for run in (here, there))
    return {
        name: {"here": ours.get(name, ABSENT), "there": theirs.get(name, ABSENT)}
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    }


def _decisive(run: RunResults) -> dict[str, str]:
    """What decides the last bits of a run; where that changed as it went on, one after the other."""
    told: dict[str, list[str]] = {}
    for entry in recorded_provenance(run.path):
        for name, value in decisive(entry).items():
            if told.setdefault(name, [value])[-1] != value:
                told[name].append(value)
    return {name: ", then ".join(values) for name, values in told.items()}


def parting_report(found: Parting) -> Report:
    """In words and tables."""
    here, there = (str(run.path) for run in found.runs)
    columns = [*text_columns(""), Column(here, is_number=False), Column(there, is_number=False)]
    same = f"{found.same:,} numbers are the same, up to {found.until:,} images" if found.same else "none before"
    first, notes = f"They do not part: {same}", list[str]()
    if found.at is not None:
        first = f"They part at {found.at:,} images; {same}"
        if len(found.numbers) > MOST_NUMBERS:
            notes.append(f"and {len(found.numbers) - MOST_NUMBERS} other numbers")
    rows = [[each.name, _shown(each.here), _shown(each.there)] for each in found.numbers[:MOST_NUMBERS]]
    sections = [Section(first, columns if rows else [], rows, notes)]
    for title, differences in (("Experiments", found.options), ("Code, versions, machine", found.origin)):
        lines = [[name, values["here"], values["there"]] for name, values in differences.items()]
        sections.append(Section(title, columns if lines else [], lines, [] if lines else ["the same"]))
    return Report("Where two runs part", sections)


def _shown(number: float | None) -> str:
    """To the last bit."""
    return ABSENT if number is None else repr(number)
