"""Every acceptance property has tests on every system that it is stated of."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from support.properties import PROPERTIES, TESTED


def test_every_property_is_tested_on_every_system_it_is_stated_of() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None
            assert spec.loader is not None
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
    for name, (says, systems) in PROPERTIES.items():
        assert TESTED[name] == set(systems), f"{name}, {says}"
