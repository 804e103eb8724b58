"""Says at the end which acceptance property was seen to hold on which system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest
from support.properties import PROPERTIES


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "holds(property): the acceptance property that a test holds a system to")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write property and system where a test's report has them, so that they also come back from other processes."""
    for item in items:
        for mark in item.iter_markers("holds"):
            assert isinstance(item, pytest.Function)
            item.user_properties.append(("holds", (mark.args[0], item.callspec.params["system"])))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    held, broken = (_filed(terminalreporter.getreports(outcome)) for outcome in ("passed", "failed"))
    if not held and not broken:
        return
    terminalreporter.section("acceptance properties, and the systems they were tested on")
    for name, (says, systems) in PROPERTIES.items():
        tried = held[name] | broken[name]
        each = [system + (" FAILED" if system in broken[name] else "") for system in systems if system in tried]
        terminalreporter.line(f"{name:<4} {says:<59} {', '.join(each) or '-'}")


def _filed(reports: Iterable[pytest.TestReport]) -> dict[str, set[str]]:
    """The systems of these reports by property."""
    filed: defaultdict[str, set[str]] = defaultdict(set)
    for report in reports:
        for key, value in report.user_properties:
            if key == "holds":
                name, system = value  # pyright: ignore[reportGeneralTypeIssues]
                filed[name].add(system)
    return filed
