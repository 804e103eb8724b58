"""What the names of numbers say: a metric gives `kid` and `kid_std`, gankit adds `kid_floor` and others beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

OF_A_CLASS = re.compile(r"_(\d+)$")
"""Ends the names of the numbers of single classes that metrics give which go class by class."""

USUAL_METRIC = "fid"
"""By which runs are ranked and shown if nothing else is asked for: what papers on GANs report (Heusel et al. 2017)."""

GENERATED = "generated"
"""What a protocol's `of` says of numbers that measure generated images."""

NO_EXTRACTOR = "none"
"""What a protocol says of the extractor where no extractor took part."""

FLOOR = "_floor"
"""Ends the name of a metric's noise floor: the same number between two sets of reals."""
QUICK = "_quick"
"""Ends the names of the cheaper protocol's numbers, so that no series mixes the two."""
ERROR = "_error"
"""Ends the name of the standard error of another number, by resampling."""
SEEDS_STD = "_seeds_std"
"""Ends the name of the standard deviation of another number over seeds."""
STD = "_std"
"""Ends the name that a metric gives to a standard deviation of its own, beside the number that it is of."""

_ADDED = {FLOOR: "the noise floor", QUICK: "the cheaper estimate"}
"""What gankit names after a metric's own numbers, whether that metric gives these or not."""
_ADDED_BESIDE = {ERROR: "the error", SEEDS_STD: "the spread"}
"""What it names after those that are there."""


def suffix_of(generator: str) -> str:
    """What ends the names of the numbers of a generator other than the one that is measured by default."""
    return "" if generator == "average" else f"_{generator}"


def with_ending(ending: str, numbers: Mapping[str, T]) -> dict[str, T]:
    """The numbers of a metric by names with `_ENDING` behind, a spread's own ending behind that: kid_ENDING_std."""
    if not ending:
        return dict(numbers)
    spreads = {name for name in numbers if name.endswith(STD) and name.removesuffix(STD) in numbers}
    return {
        f"{name.removesuffix(STD)}_{ending}{STD}" if name in spreads else f"{name}_{ending}": number
        for name, number in numbers.items()
    }


def is_spread(name: str, names: Collection[str]) -> bool:
    """Whether a number says how sure another is, so that neither high nor low values of it are better.

    It does if it is named after that other; `pixel_error` without `pixel` is a number of its own.

    Args:
        name: Its name.
        names: The names of all numbers of the same evaluation.
    """
    whole = name.removesuffix(QUICK)
    for own in (whole, whole.rpartition("_")[0]):  # where the last word says of which generator it is
        measured_by = name[len(own) :]
        named_after = [own.removesuffix(end) for end in (SEEDS_STD, STD, ERROR) if own.endswith(end)]
        if any(other + measured_by in names for other in named_after):
            return True
    return False


def mistaken_name(names: Collection[str], averages: Collection[str] = ()) -> str | None:
    """Why a metric may not give its numbers these names, which gankit gives to others; None if it may.

    Args:
        names: Those of one metric's numbers.
        averages: What the experiment calls its further averages.
    """
    of_generators = {suffix_of(average): f"the average {average}'s number" for average in averages}
    of_generators[suffix_of("current")] = "the trained generator's number"
    for name in names:
        for end, meaning in (_ADDED | of_generators | _ADDED_BESIDE).items():
            other = name.removesuffix(end)
            if other != name and (end not in _ADDED_BESIDE or other in names):
                return f"{name!r} is what gankit calls {meaning} of {other!r}"
    return None


def clash(names: Collection[str], others: Collection[str]) -> str | None:
    """Why one metric's numbers cannot stand beside those of `others` in one evaluation; None if they can."""
    for name in names:
        if name in others:
            return f"another metric of this evaluation has given {name!r} already"
    for here, there in ((names, others), (others, names)):
        for name in here:
            if is_spread(name, there):
                return f"{name!r} would be taken for the spread of another metric's number"
    return None


def single_class(name: str, names: Sequence[str]) -> dict[str, str]:
    """What the class is called, of `names`, that a number is of by its name, for its protocol; nothing if of none."""
    found = OF_A_CLASS.search(name)
    return {"class": names[int(found[1])]} if found is not None and int(found[1]) < len(names) else {}
