"""Every acceptance property has tests on every system that it is stated of."""

from __future__ import annotations

from pathlib import Path

from support.properties import PROPERTIES, TESTED
from support.scripts import loaded


def test_every_property_is_tested_on_every_system_it_is_stated_of() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            loaded(path)
    for name, (says, systems) in PROPERTIES.items():
        assert TESTED[name] == set(systems), f"{name}, {says}"
