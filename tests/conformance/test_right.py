"""The rules find nothing wrong with components that are right, though they do what none of the bundled ones does."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.slow import slow_but

from gankit.core.registry import provided_by, registries
from gankit.discovery.manager import plugins
from gankit.testing import RULES, check
from gankit.testing.observers import MOMENTS, recorded_run

RIGHT = sorted((Path(__file__).parent / "right").glob("*.py"))

QUICK = [file for file in RIGHT if file.stem not in ("networks", "losses", "optimizers", "files")]
"""Of the others there are several among the bundled components, which are held to the same rules."""


@pytest.mark.parametrize("file", slow_but(QUICK, RIGHT), ids=lambda file: file.stem)
def test_a_right_component_breaks_no_rule(file: Path) -> None:
    with plugins.restored():
        for entry in provided_by(plugins.load_file(file)):
            for rule in RULES:
                if rule.concerns(entry.component):
                    check(entry, rule)


def test_observers_are_told_of_every_moment() -> None:
    told = recorded_run(registries["observer"].find("guard").component()).told  # pyright: ignore[reportArgumentType]
    assert set(told) == set(MOMENTS)
    assert told.count("on_close") == 2
    assert told.count("on_finish") == 1
