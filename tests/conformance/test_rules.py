"""Each rule of conformance catches a component that breaks it, and nothing else does.

Every file in wrong/ is a plugin of one file; each of its components is a mistake that an author might make, registered
under the name of the rule that it breaks (".2" and so on tells several of one rule apart).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from gankit.core.component import Component
from gankit.core.registry import RegistryEntry, provided_by
from gankit.discovery.manager import plugins
from gankit.testing import RULES, check

OTHERS = 4
"""Trials of the rules that a wrong component is not to break; one of those that have fewer, as they take long."""
WRONG = sorted((Path(__file__).parent / "wrong").glob("*.py"))


def wrong_components(file: Path) -> list[RegistryEntry]:
    return provided_by(plugins.load_file(file))


def broken_rule(entry: RegistryEntry) -> str:
    return entry.name.partition(".")[0]


def rules_broken_by(entry: RegistryEntry) -> set[str]:
    """The rules that do not hold for a component; those that should are tried less often, to save time."""
    broken = set()
    for rule in RULES:
        if rule.concerns(entry.component):
            few = replace(rule, examples=OTHERS if rule.examples >= OTHERS else 1)
            try:
                check(entry, rule if rule.name == broken_rule(entry) else few)
            except Exception:
                broken.add(rule.name)
    return broken


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_a_wrong_component_breaks_its_rule_and_no_other_but_those_implied(file: Path) -> None:
    implied = {rule.name: rule.implied for rule in RULES}
    with plugins.restored():
        for entry in wrong_components(file):
            rule, broken = broken_rule(entry), rules_broken_by(entry)
            assert rule in broken, f"{entry.name} of {file.name} is not caught"
            assert broken <= {rule} | implied[rule], f"{entry.name} of {file.name} breaks {broken}"


def test_every_rule_has_a_wrong_component_of_each_kind_that_it_concerns() -> None:
    tried: defaultdict[str, set[str]] = defaultdict(set)
    with plugins.restored():
        for file in WRONG:
            for entry in wrong_components(file):
                tried[broken_rule(entry)].add(entry.component.kind)
    for rule in RULES:
        kinds = {kind.kind for kind in rule.kinds if kind is not Component}
        assert kinds <= tried[rule.name], f"no wrong component shows that {rule.name!r} works for {kinds}"
        assert tried[rule.name], f"no wrong component shows that {rule.name!r} works"


def test_what_a_rule_implies_is_a_rule() -> None:
    names = {rule.name for rule in RULES}
    assert all(rule.implied <= names for rule in RULES)
    assert all(rule.says.endswith(".") for rule in RULES), "a rule is one sentence"
