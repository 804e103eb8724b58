"""The acceptance properties of growing systems, and the tests that hold them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import Phase, settings
from support.slow import slow_but
from support.systems import LABELS, STYLED, STYLEGAN_R1, SYSTEMS

Test = TypeVar("Test", bound=Callable[..., None])


class Property(NamedTuple):
    """What must hold, and of which systems."""

    says: str
    systems: Sequence[str] = SYSTEMS


PROPERTIES = {
    "P1": Property("a fade begins as the old network and ends as the new"),
    "P2": Property("what is in force depends on images shown alone"),
    "P3": Property("evaluation changes no weight and no buffer"),
    "P4": Property("inputs are not changed in place"),
    "P5": Property("stored weights start as the papers say"),
    "P6": Property("truncation: 1 changes nothing, 0 leaves the mean", STYLED),
    "P7": Property("averages decay by images, not by batches"),
    "P8": Property("penalties have gradients, also where the critic's are zero"),
    "P9": Property("minibatch stddev refuses batches that do not split"),
    "P10": Property("scores are never broadcast"),
    "P11": Property("a saved state goes on to the same bits"),
    "P12": Property("an update leaves no trace in the other network"),
    "P13": Property("gradients are those of torch's own operations"),
    "P14": Property("a batch in parts is updated by as the whole batch"),
}

NOT_SHRUNK = (Phase.explicit, Phase.generate)
"""To shrink a failing example trains for minutes; the first that is drawn is the simplest anyway."""

FAST = (LABELS, STYLEGAN_R1)
"""One that grows by images and one by styles; the others are for the slow tests."""

TESTED: defaultdict[str, set[str]] = defaultdict(set)
"""The systems on which each property is tested, by the modules imported so far."""


def holds(name: str, systems: Sequence[str] | None = None, examples: int = 5) -> Callable[[Test], Test]:
    """Runs a test that draws with hypothesis on each system, or only on `systems`, and files it under a property."""

    def on_systems(test: Test) -> Test:
        on = PROPERTIES[name].systems if systems is None else systems
        TESTED[name] |= set(on)
        most = max(2, ceil(examples * settings().max_examples / 100))  # fewer in the fast profile
        drawn = settings(max_examples=most, phases=NOT_SHRUNK)(test)
        tried = slow_but([system for system in on if system in FAST], on)
        return pytest.mark.holds(name)(pytest.mark.parametrize("system", tried)(drawn))

    return on_systems
