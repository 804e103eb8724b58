"""What the names of numbers say: a metric gives `kid` and `kid_std`, gankit adds `kid_floor` and others beside them."""

from __future__ import annotations

from collections.abc import Collection

USUAL_METRIC = "fid"
"""By which runs are ranked and shown if nothing else is asked for: what papers on GANs report (Heusel et al. 2017)."""

GENERATED = "generated"
"""What a protocol's `of` says of numbers that measure generated images."""

FLOOR = "_floor"
"""Ends the name of a metric's noise floor: the same number between two sets of reals."""
QUICK = "_quick"
"""Ends the names of the cheaper protocol's numbers, so that no series mixes the two."""
CURRENT = "_current"
"""Ends the names of the numbers of the trained generator itself, which is measured beside the averaged one if asked."""
ERROR = "_error"
"""Ends the name of the standard error of another number, by resampling."""
SEEDS_STD = "_seeds_std"
"""Ends the name of the standard deviation of another number over seeds."""
STD = "_std"
"""Ends the name that a metric gives to a standard deviation of its own, beside the number that it is of."""

_ADDED = {
    FLOOR: "the noise floor",
    QUICK: "the cheaper estimate",
    CURRENT: "the trained generator's number",
    ERROR: "the error",
    SEEDS_STD: "the spread",
}
"""What gankit names after a metric's own numbers."""


def floor_of(name: str) -> str:
    """What the noise floor of a number is called: of either generator's the same, as it is of reals alone."""
    return name.removesuffix(CURRENT) + FLOOR


def is_spread(name: str, names: Collection[str]) -> bool:
    """Whether a number says how sure another is, so that neither high nor low values of it are better.

    It does if it is named after that other; `pixel_error` without `pixel` is a number of its own.

    Args:
        name: Its name.
        names: The names of all numbers of the same evaluation.
    """
    own = name.removesuffix(QUICK).removesuffix(CURRENT)
    measured_by = name[len(own) :]
    named_after = [own.removesuffix(end) for end in (SEEDS_STD, STD, ERROR) if own.endswith(end)]
    return any(other + measured_by in names for other in named_after)


def mistaken_name(names: Collection[str]) -> str | None:
    """Why a metric may not give its numbers these names, which gankit gives to others; None if it may."""
    for name in names:
        for end, meaning in _ADDED.items():
            other = name.removesuffix(end)
            if other != name and (end in (FLOOR, QUICK, CURRENT) or other in names):
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
